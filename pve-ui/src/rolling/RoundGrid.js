// The nodes of a round of rolling maintenance: how far each is, what it waits for, and since when.
Ext.define('PRS.RoundGrid', {
    extend: 'Ext.grid.Panel',
    xtype: 'prsRoundGrid',

    border: false,
    ariaLabel: gettext('Nodes of the round'),
    plugins: [{ ptype: 'prsaccessible' }],
    stateful: true,
    stateId: 'grid-prs-round',
    stateEvents: ['columnresize', 'columnmove'],
    enableColumnHide: false,
    sortableColumns: false,
    viewConfig: { trackOver: false, deferEmptyText: false },

    statics: {
        // Each stage's icon, class and words.
        stages: () => ({
            waiting: ['clock-o', 'faded', gettext('Waiting')],
            draining: ['sign-out', '', gettext('Draining')],
            hook: ['terminal', '', gettext('Hook of this site')],
            rebooting: ['power-off', 'warning', gettext('Rebooting')],
            back: ['heartbeat', '', gettext('Back, being looked at')],
            filling: ['sign-in', '', gettext('Being filled')],
            done: ['check', 'good', gettext('Done')],
            skipped: ['step-forward', 'faded', gettext('Skipped')],
            failed: ['times-circle', 'critical', gettext('Failed')],
        }),

        // What is waited for, and for how long at the most.
        detail: function (turn) {
            let message =
                turn.step === 'by-hand'
                    ? gettext('Empty: do what is to be done, then press Resume.')
                    : turn.message;
            let left = turn.until - Date.now() / 1000;
            if (!message || left <= 0) {
                return message;
            }
            let most = Ext.String.format(gettext('at most {0} more'), PRS.Format.about(left));
            return `${message} (${most})`;
        },
    },

    store: { fields: ['id', 'node', 'stage', 'since', 'detail'] },

    columns: [
        PRS.Columns.text(gettext('Node'), 'node', 130),
        {
            text: gettext('Stage'),
            dataIndex: 'stage',
            width: 190,
            renderer: function (value, meta) {
                let [icon, cls, words] = PRS.RoundGrid.stages()[value] || ['', '', value];
                meta.tdAttr = PRS.Format.tip(words);
                return `${PRS.Format.icon(icon, cls)} ${PRS.Format.esc(words)}`;
            },
        },
        {
            text: gettext('Since'),
            dataIndex: 'since',
            width: 130,
            renderer: (value) => PRS.Format.esc(PRS.Format.when(value)),
        },
        PRS.Columns.words(gettext('Why'), 'detail'),
    ],

    // The turns as the service gives them.
    fill: function (turns) {
        let rows = turns.map((turn) => ({
            id: turn.node,
            node: turn.node,
            stage: turn.stage,
            since: turn.since,
            detail: PRS.RoundGrid.detail(turn),
        }));
        // Not before a round is known.
        this.setEmptyText(gettext('No node is part of a round.'));
        PRS.Format.sync(this.getStore(), rows);
    },
});
