// Datacenter > HA > Rebalancing.
Ext.define('PRS.Panel', {
    extend: 'Ext.panel.Panel',
    xtype: 'prsPanel',

    border: false,
    plugins: [{ ptype: 'prsaccessible' }],
    layout: 'card',
    controller: 'prsPanel',

    listeners: { afterrender: 'onShow' },

    tbar: {
        reference: 'toolbar',
        overflowHandler: 'menu',
        items: [
            { xtype: 'tbtext', text: gettext('Level by') },
            {
                xtype: 'combobox',
                itemId: 'method',
                reference: 'method',
                ariaLabel: gettext('Level by'),
                width: 130,
                editable: false,
                queryMode: 'local',
                valueField: 'value',
                displayField: 'text',
                value: 'memory',
                store: PRS.Format.levelled(),
                listeners: { change: 'onMethod' },
            },
            {
                itemId: 'plan',
                reference: 'plan',
                text: gettext('Plan'),
                iconCls: 'fa fa-fw fa-balance-scale',
                disabled: true,
                handler: 'onPlan',
            },
            {
                itemId: 'run',
                reference: 'run',
                text: gettext('Rebalance now'),
                iconCls: 'fa fa-fw fa-play',
                disabled: true,
                handler: 'onRun',
            },
            '-',
            {
                xtype: 'prsDrainButton',
                itemId: 'drain',
                reference: 'drain',
                listeners: { drain: 'onDrain', enddrain: 'onEndDrain' },
            },
            {
                itemId: 'place',
                text: gettext('Where should it go?'),
                iconCls: 'fa fa-fw fa-map-marker',
                handler: () => Ext.create('PRS.PlaceWindow', { autoShow: true }),
            },
            {
                itemId: 'rules',
                text: gettext('Rules'),
                iconCls: 'fa fa-fw fa-gavel',
                handler: 'onRules',
            },
            {
                itemId: 'history',
                text: gettext('History'),
                iconCls: 'fa fa-fw fa-history',
                handler: 'onHistory',
            },
        ],
    },

    items: [
        {
            xtype: 'container',
            reference: 'main',
            scrollable: 'y',
            layout: 'anchor',
            defaults: { anchor: '100%' },
            items: [
                { xtype: 'prsNotices', reference: 'notices' },
                {
                    xtype: 'prsRow',
                    items: [
                        PRS.Row.words({ xtype: 'prsBalancingStrip', reference: 'balancing' }),
                        PRS.Row.buttons([
                            {
                                xtype: 'prsAccountButton',
                                reference: 'account',
                                listeners: { changed: 'onRetry' },
                            },
                            {
                                xtype: 'prsPauseMenu',
                                reference: 'pause',
                                hidden: true,
                                listeners: { changed: 'onRetry' },
                            },
                            {
                                itemId: 'rolling',
                                reference: 'rolling',
                                text: gettext('Maintenance'),
                                iconCls: 'fa fa-fw fa-wrench',
                                hidden: true,
                                handler: () => Ext.create('PRS.RoundWindow', { autoShow: true }),
                            },
                            {
                                itemId: 'settings',
                                reference: 'settings',
                                text: gettext('Settings'),
                                iconCls: 'fa fa-fw fa-cog',
                                hidden: true,
                                handler: 'onSettings',
                            },
                        ]),
                    ],
                },
                {
                    xtype: 'prsSuggestionBar',
                    reference: 'suggestion',
                    listeners: { started: 'onJob', changed: 'onRetry' },
                },
                {
                    xtype: 'prsJobPanel',
                    reference: 'job',
                    hidden: true,
                    dismissable: true,
                    listeners: { changed: 'onJob', back: 'onJob', dismissed: 'onDismiss' },
                },
                {
                    xtype: 'component',
                    reference: 'summary',
                    padding: 10,
                    autoEl: { tag: 'div', role: 'status', 'aria-live': 'polite' },
                },
                {
                    xtype: 'prsPlanGrid',
                    reference: 'moves',
                    hidden: true,
                    listeners: { ticked: 'onTicked', retarget: 'onRetarget' },
                },
                { xtype: 'prsNodesGrid', reference: 'nodes', listeners: { avoid: 'onAvoid' } },
                { xtype: 'prsStaysGrid', reference: 'stays', hidden: true },
            ],
        },
        { xtype: 'prsUnreachable', reference: 'unreachable', listeners: { retry: 'onRetry' } },
    ],
});
