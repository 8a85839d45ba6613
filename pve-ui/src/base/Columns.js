// The columns that several grids share.
Ext.define('PRS.Columns', {
    singleton: true,

    guest: (more) =>
        Ext.apply(
            {
                text: gettext('Guest'),
                dataIndex: 'vmid',
                flex: 2,
                minWidth: 120,
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

    copy: () => ({
        text: gettext('Copy'),
        dataIndex: 'bytes',
        width: 85,
        align: 'right',
        renderer: (value) => (value ? PRS.Format.size(value) : ''),
    }),

    // A fraction as a bar that is named after its row and column.
    load: (text, field, more) =>
        Ext.apply(
            {
                text: text,
                dataIndex: field,
                flex: 2,
                minWidth: 90,
                tdCls: 'x-progressbar-default-cell',
                renderer: (value, meta, record) =>
                    PRS.Format.bar(value, `${record.getId()}: ${meta.column.text}`, true),
            },
            more,
        ),
});
