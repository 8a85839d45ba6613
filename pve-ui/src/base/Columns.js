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

    // Whether a node may get guests, as a tick; null = it cannot whatever is ticked. `change` is the name of a method.
    open: (change) => ({
        xtype: 'checkcolumn',
        text: gettext('Target'),
        tooltip: gettext('Nodes without a tick get no guests by this plan'),
        dataIndex: 'open',
        itemId: 'open',
        width: 70,
        sortable: false,
        menuDisabled: true,
        renderer: function (value, meta, record) {
            let name = `${record.getId()}: ${gettext('Target')}`;
            return value === null ? '' : PRS.Format.tick(value, name);
        },
        // Else ExtJS changes the look of the cell and leaves what screen readers are told.
        updater: undefined,
        listeners: {
            beforecheckchange: (column, index, checked, record) => record.get('open') !== null,
            checkchange: change,
        },
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
