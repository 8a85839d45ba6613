// The cluster's round of rolling maintenance: how far each node is, as every node tells it; and how a new one begins.
Ext.define('PRS.RoundWindow', {
    extend: 'PRS.NoticeWindow',
    xtype: 'prsRoundWindow',

    title: gettext('Rolling maintenance'),
    iconCls: 'fa fa-wrench',
    wide: 1080,
    high: 700,
    layout: 'card',
    controller: 'prsRound',

    items: [
        {
            xtype: 'prsRoundGrid',
            reference: 'nodes',
            listeners: { selectionchange: 'onChosen' },
        },
        { xtype: 'prsRoundBegin', reference: 'begin' },
    ],

    // `part` is the item under which a button stands.
    buttons: {
        defaults: { ui: 'default-toolbar', disabled: true },
        items: [
            {
                reference: 'pause',
                part: 'nodes',
                text: gettext('Pause after this node'),
                handler: 'onVerb',
            },
            { reference: 'resume', part: 'nodes', text: gettext('Resume'), handler: 'onVerb' },
            { reference: 'skip', part: 'nodes', text: gettext('Skip node'), handler: 'onVerb' },
            { reference: 'stop', part: 'nodes', text: gettext('Stop'), handler: 'onVerb' },
            { reference: 'another', text: gettext('New round'), hidden: true, handler: 'onNew' },
            {
                reference: 'dryRun',
                part: 'begin',
                text: gettext('Dry run'),
                hidden: true,
                handler: 'onDryRun',
            },
            {
                reference: 'start',
                part: 'begin',
                text: gettext('Start'),
                hidden: true,
                handler: 'onStart',
            },
            {
                reference: 'back',
                text: gettext('Last round'),
                disabled: false,
                hidden: true,
                handler: 'onBack',
            },
            { text: gettext('Close'), disabled: false, handler: 'onClose' },
        ],
    },
});
