// Empties one node: says first what would happen to each guest, then carries it out and shows it to the end.
Ext.define('PRS.DrainWindow', {
    extend: 'Ext.window.Window',
    xtype: 'prsDrainWindow',

    plugins: [{ ptype: 'prsaccessible' }],
    iconCls: 'fa fa-sign-out',
    modal: true,
    minWidth: 320,
    constrain: true,
    layout: 'card',
    controller: 'prsDrain',

    nodename: undefined,

    listeners: { afterrender: 'onShow' },

    items: [
        {
            reference: 'plan',
            border: false,
            layout: { type: 'vbox', align: 'stretch' },
            scrollable: 'y',
            items: [
                {
                    xtype: 'component',
                    reference: 'verdict',
                    padding: 10,
                    autoEl: { tag: 'div', role: 'status', 'aria-live': 'polite' },
                },
                {
                    xtype: 'prsDrainGrid',
                    reference: 'guests',
                    minHeight: 160,
                    flex: 1,
                    listeners: { retarget: 'onRetarget' },
                },
                {
                    xtype: 'container',
                    padding: 10,
                    layout: 'column',
                    defaults: { xtype: 'checkbox', margin: '0 20 0 0' },
                    items: [
                        {
                            reference: 'stopped',
                            boxLabel: gettext('Stopped guests too'),
                            checked: true,
                            listeners: { change: 'onTicked' },
                        },
                        {
                            reference: 'containers',
                            boxLabel: gettext('Containers (restart)'),
                            listeners: { change: 'onTicked' },
                        },
                        {
                            reference: 'maintenance',
                            boxLabel: gettext('HA maintenance mode'),
                            listeners: { change: 'onMaintenance' },
                        },
                        {
                            reference: 'leave',
                            boxLabel: gettext('Leave what cannot move'),
                            listeners: { change: 'onTicked' },
                        },
                    ],
                },
                { xtype: 'prsRelaxTicks', reference: 'relax', listeners: { change: 'onTicked' } },
                {
                    xtype: 'prsNodesAfter',
                    reference: 'others',
                    maxHeight: 160,
                    listeners: { avoid: 'onTicked' },
                },
            ],
        },
        {
            xtype: 'prsJobPanel',
            reference: 'job',
            snug: 480,
            listeners: { changed: 'onChanged', back: 'onBack' },
        },
        { xtype: 'component', reference: 'drained', padding: 10 },
        { xtype: 'prsUnreachable', reference: 'unreachable', listeners: { retry: 'onRetry' } },
    ],

    buttons: [
        {
            ui: 'default-toolbar',
            text: gettext('Drain'),
            itemId: 'drain',
            reference: 'drain',
            disabled: true,
            handler: 'onDrain',
        },
        {
            ui: 'default-toolbar',
            text: gettext('End drain'),
            itemId: 'endDrain',
            reference: 'endDrain',
            hidden: true,
            handler: 'onEndDrain',
        },
        { ui: 'default-toolbar', text: gettext('Close'), handler: 'onClose' },
    ],
});
