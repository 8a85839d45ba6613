// The columns that several grids share. In one grid only columns without a least width are flexible beside one another: ExtJS does
// not take from the others what a least width gives, and the last column would end outside.
Ext.define('PRS.Columns', {
    singleton: true,

    guest: (more) =>
        Ext.apply(
            {
                text: gettext('Guest'),
                dataIndex: 'vmid',
                width: 140,
                renderer: PRS.Format.guest,
            },
            more,
        ),

    text: (text, field, width, more) =>
        Ext.apply({ text: text, dataIndex: field, width: width, renderer: PRS.Format.text }, more),

    // A sentence, over as many lines as it needs.
    words: (text, field, more) =>
        Ext.apply(
            {
                text: text,
                dataIndex: field,
                cellWrap: true,
                flex: 5,
                minWidth: 160,
                renderer: PRS.Format.text,
            },
            more,
        ),

    // The node where a guest goes: a click, or Enter, offers others. The grid gives their names as `offered`.
    target: (text, width) =>
        PRS.Columns.text(text, 'target', width, {
            tooltip: gettext('Click to choose another node'),
            renderer: function (value, meta) {
                meta.tdAttr = value ? PRS.Format.tip(gettext('Click to choose another node')) : '';
                let mark = value ? PRS.Format.icon('caret-down', 'faded') : '';
                return `${PRS.Format.esc(value)} ${mark}`;
            },
            editor: {
                xtype: 'combobox',
                ariaLabel: text,
                queryMode: 'local',
                anyMatch: true,
                forceSelection: true,
                allowBlank: false,
                store: [],
                listeners: { select: (field) => field.ownerCt.completeEdit() },
            },
        }),

    // A tick that is named after its row, as `label(record)` gives it, and its column; null = there is nothing to tick. `change` is
    // the name of a method.
    tick: (text, field, change, label, more) =>
        Ext.apply(
            {
                xtype: 'checkcolumn',
                text: text,
                dataIndex: field,
                width: 70,
                sortable: false,
                menuDisabled: true,
                renderer: (value, meta, record) =>
                    value === null ? '' : PRS.Format.tick(value, `${label(record)}: ${text}`),
                // Else ExtJS changes the look of the cell and leaves what screen readers are told.
                updater: undefined,
                listeners: {
                    beforecheckchange: (column, index, checked, record) =>
                        record.get(field) !== null,
                    checkchange: change,
                },
            },
            more,
        ),

    // Whether a node may get guests.
    open: (change) =>
        PRS.Columns.tick(gettext('Target'), 'open', change, (record) => record.getId(), {
            tooltip: gettext('Nodes without a tick get no guests by this plan'),
            itemId: 'open',
        }),

    copy: () => ({
        text: gettext('Copy'),
        dataIndex: 'bytes',
        width: 85,
        align: 'right',
        renderer: (value) => (value ? PRS.Format.size(value) : ''),
    }),

    // A fraction as a bar that is named after its row and column; the record may have its amount in FIELDAmount.
    load: (text, field, more) =>
        Ext.apply(
            {
                text: text,
                dataIndex: field,
                flex: 2,
                // The arrow would take the room of the words.
                menuDisabled: true,
                tdCls: 'x-progressbar-default-cell',
                renderer: function (value, meta, record) {
                    let amount = record.data[`${field}Amount`];
                    let name = `${record.getId()}: ${meta.column.text}`;
                    meta.tdAttr = amount ? PRS.Format.tip(amount) : '';
                    return PRS.Format.bar(value, name, true, amount);
                },
            },
            more,
        ),
});
