// The tab as PVE knows it: an empty card, so that a fault of the panel shows as text in it and never stops the Datacenter view.
Ext.define('PRS.Card', {
    extend: 'Ext.panel.Panel',
    xtype: 'prsCard',

    layout: 'fit',
    border: false,
    onlineHelp: 'chapter_ha_manager',

    listeners: {
        afterrender: function () {
            let fill = () => {
                PRS.need();
                this.add({ xtype: 'prsPanel' });
            };
            let failed = (err) =>
                this.update(`<p style="padding: 10px">${Ext.htmlEncode(String(err))}</p>`);
            attempt('panel', fill, failed);
        },
    },
});
