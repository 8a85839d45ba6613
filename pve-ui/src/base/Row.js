// Words with buttons behind them, as far as they fit; else the buttons go below, and below one another. The tab may be 500 pixels
// wide: PVE's tree and menu take as many of a small screen.
Ext.define('PRS.Row', {
    extend: 'Ext.container.Container',
    xtype: 'prsRow',

    // Where the buttons begin when they are fewer than fill a line.
    pack: 'flex-start',

    listeners: {
        afterrender: function (row) {
            let { outerCt, innerCt } = row.getLayout();
            outerCt.setStyle({ display: 'block' });
            innerCt.setStyle({
                display: 'flex',
                'flex-wrap': 'wrap',
                'align-items': 'center',
                'justify-content': row.pack,
            });
        },
    },

    statics: {
        // The words, which get what the buttons leave, if that is enough to read them.
        words: (config) => Ext.apply({ xtype: 'component', style: 'flex: 1 1 380px' }, config),

        buttons: (items) => ({
            xtype: 'prsRow',
            style: 'flex: 0 1 auto; margin-left: auto',
            pack: 'flex-end',
            padding: '0 5 0 10',
            defaults: { xtype: 'button', ui: 'default-toolbar', margin: '2 5 2 0' },
            items: items,
        }),
    },
});
