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
