// A window that says on top, in one place, what it does and what went wrong, and fills the rest with its items.
Ext.define('PRS.NoticeWindow', {
    extend: 'Ext.window.Window',

    plugins: [{ ptype: 'prsaccessible' }],
    modal: true,
    constrain: true,
    layout: { type: 'vbox', align: 'stretch' },

    // Its size, less where the screen is smaller.
    wide: 900,
    high: 600,

    listeners: { afterrender: 'onShow' },

    dockedItems: [
        {
            xtype: 'component',
            dock: 'top',
            reference: 'notice',
            padding: 10,
            maxHeight: 160,
            scrollable: 'y',
            autoEl: { tag: 'div', role: 'status', 'aria-live': 'polite' },
        },
    ],
});
