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
            {
                xtype: 'combobox',
                itemId: 'method',
                reference: 'method',
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
                    xtype: 'container',
                    layout: { type: 'hbox', align: 'middle' },
                    items: [
                        { xtype: 'prsBalancingStrip', reference: 'balancing', flex: 1 },
                        {
                            xtype: 'prsPauseMenu',
                            reference: 'pause',
                            hidden: true,
                            margin: '0 5',
                            listeners: { changed: 'onRetry' },
                        },
                        {
                            xtype: 'button',
                            ui: 'default-toolbar',
                            itemId: 'settings',
                            reference: 'settings',
                            text: gettext('Settings'),
                            iconCls: 'fa fa-fw fa-cog',
                            hidden: true,
                            margin: '0 10 0 0',
                            handler: 'onSettings',
                        },
                    ],
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
