// A usage bar as in PVE's node list: yellow and red near the end, nothing for an unknown value, readable by screen readers.
Ext.define('PRS.Bar', {
    extend: 'Ext.Progress',
    xtype: 'prsBar',

    textTpl: ['{percent}%'],
    animate: false,
    warningThreshold: 0.8,
    criticalThreshold: 0.9,

    setValue: function (value) {
        let me = this;
        let shown = Math.min(1, Math.max(0, value || 0));
        me.callParent([shown]);
        me.removeCls(['warning', 'critical']);
        if (shown >= me.criticalThreshold) {
            me.addCls('critical');
        } else if (shown >= me.warningThreshold) {
            me.addCls('warning');
        }
        me.el.setVisible(value !== undefined && value !== null);
        me.el.set({
            role: 'progressbar',
            'aria-valuemin': 0,
            'aria-valuemax': 100,
            'aria-valuenow': Math.round(shown * 100),
        });
    },
});
