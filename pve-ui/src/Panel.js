// Datacenter > HA > Rebalancing.
Ext.define('PRS.Panel', {
    extend: 'Ext.panel.Panel',
    xtype: 'prsPanel',

    border: false,
    layout: 'card',
    controller: { xclass: 'PRS.PanelController' },

    initComponent: function () {
        let me = this;
        me.tbar = {
            itemId: 'toolbar',
            overflowHandler: 'scroller',
            items: [
                {
                    xtype: 'combobox',
                    itemId: 'method',
                    fieldLabel: gettext('Level by'),
                    labelWidth: 65,
                    width: 190,
                    editable: false,
                    queryMode: 'local',
                    valueField: 'value',
                    displayField: 'text',
                    value: 'memory',
                    store: PRS.Format.methods(),
                    listeners: { change: 'onMethod' },
                },
                {
                    itemId: 'plan',
                    text: gettext('Plan'),
                    iconCls: 'fa fa-fw fa-balance-scale',
                    disabled: true,
                    handler: 'onPlan',
                },
                {
                    itemId: 'run',
                    text: gettext('Rebalance now'),
                    iconCls: 'fa fa-fw fa-play',
                    disabled: true,
                    handler: 'onRun',
                },
                '-',
                {
                    itemId: 'drain',
                    text: gettext('Drain node'),
                    iconCls: 'fa fa-fw fa-sign-out',
                    disabled: true,
                    menu: { items: [] },
                },
                {
                    itemId: 'history',
                    text: gettext('History'),
                    iconCls: 'fa fa-fw fa-history',
                    handler: () => Ext.create('PRS.HistoryWindow', { autoShow: true }),
                },
                '->',
                {
                    xtype: 'component',
                    itemId: 'outcome',
                    padding: '0 5 0 5',
                    autoEl: { tag: 'div', role: 'status', 'aria-live': 'polite' },
                },
            ],
        };
        me.items = [
            {
                xtype: 'container',
                itemId: 'main',
                scrollable: 'y',
                layout: { type: 'anchor' },
                defaults: { anchor: '100%' },
                items: [
                    {
                        xtype: 'component',
                        itemId: 'notices',
                        hidden: true,
                        padding: 10,
                        userCls: 'pmx-hint',
                        autoEl: { tag: 'div', role: 'status' },
                    },
                    {
                        xtype: 'prsJobPanel',
                        itemId: 'job',
                        hidden: true,
                        dismissable: true,
                        listeners: {
                            changed: 'onJobChanged',
                            back: 'onBack',
                            dismissed: 'onDismiss',
                        },
                    },
                    { xtype: 'prsNodesGrid', itemId: 'nodes' },
                    { xtype: 'component', itemId: 'spread', padding: 10 },
                    {
                        xtype: 'prsPlanGrid',
                        itemId: 'moves',
                        hidden: true,
                        listeners: { ticked: 'onTicked' },
                    },
                    { xtype: 'prsStaysGrid', itemId: 'stays', hidden: true },
                ],
            },
            { xtype: 'prsUnreachable', itemId: 'unreachable', listeners: { retry: 'onRetry' } },
        ];
        me.callParent();
    },

    listeners: { afterrender: 'onShow' },
});
