// Empties one node: says first what would happen to each guest, then carries it out and shows it to the end.
Ext.define('PRS.DrainWindow', {
    extend: 'Ext.window.Window',
    xtype: 'prsDrainWindow',

    modal: true,
    iconCls: 'fa fa-sign-out',
    width: 900,
    minWidth: 320,
    constrain: true,
    layout: 'card',
    bodyPadding: 0,

    initComponent: function () {
        let me = this;
        me.width = Math.min(me.width, Ext.Element.getViewportWidth() - 20);
        me.height = Math.min(640, Ext.Element.getViewportHeight() - 20);
        me.title = Ext.String.format(gettext('Drain node {0}'), PRS.Format.esc(me.nodename));
        let box = (itemId, text, checked, change) => ({
            xtype: 'checkbox',
            itemId: itemId,
            boxLabel: text,
            checked: checked,
            margin: '0 20 0 0',
            listeners: { change: change },
        });
        let replan = () => me.started && me.replan();
        let weigh = () => me.verdict();
        me.items = [
            {
                itemId: 'plan',
                border: false,
                layout: { type: 'vbox', align: 'stretch' },
                scrollable: 'y',
                items: [
                    {
                        xtype: 'component',
                        itemId: 'verdict',
                        padding: 10,
                        autoEl: { tag: 'div', role: 'status', 'aria-live': 'polite' },
                    },
                    { xtype: 'prsDrainGrid', itemId: 'guests', minHeight: 120, flex: 1 },
                    {
                        xtype: 'container',
                        padding: 10,
                        layout: { type: 'column' },
                        items: [
                            box('stopped', gettext('Stopped guests too'), true, replan),
                            box('containers', gettext('Containers (restart)'), false, replan),
                            box('maintenance', gettext('HA maintenance mode'), false, weigh),
                            box('leave', gettext('Leave what cannot move'), false, replan),
                        ],
                    },
                    { xtype: 'prsNodesAfter', itemId: 'others', maxHeight: 160 },
                ],
            },
            {
                xtype: 'prsJobPanel',
                itemId: 'job',
                stepsHeight: 480,
                listeners: {
                    changed: () => me.poller.soon(),
                    back: (panel, job) => me.follow(job),
                },
            },
            {
                xtype: 'prsUnreachable',
                itemId: 'unreachable',
                listeners: { retry: () => me.begin() },
            },
        ];
        me.buttons = [
            {
                text: gettext('Drain'),
                itemId: 'drain',
                disabled: true,
                handler: () => me.run(),
            },
            { text: gettext('Close'), handler: () => me.close() },
        ];
        me.poller = Ext.create('PRS.Poller', { run: () => me.poll() });
        me.callParent();
        me.on('destroy', () => me.poller.stop());
        me.on('afterrender', () => me.begin());
    },

    // Asks the service who may do what and makes the first plan; the help page appears if it cannot be reached.
    begin: async function () {
        let me = this;
        try {
            me.status = await PRS.Api.get('/status');
            me.cluster = await PRS.Api.get('/cluster');
            if (me.destroyed) {
                return;
            }
            me.showPart('plan');
            let node = me.cluster.nodes.find((one) => one.name === me.nodename);
            let ha = node && node.ha;
            let right = me.status.may.maintenance;
            if (right.allowed && !ha) {
                right = { allowed: false, reason: gettext('HA is not in use on this node.') };
            }
            let maintenance = me.down('#maintenance');
            me.gateBox(maintenance, right);
            maintenance.setValue(right.allowed);
            me.down('#containers').setValue(me.status.defaults.containers);
            me.started = true;
            await me.replan();
        } catch (err) {
            me.failed(err);
        }
    },

    gateBox: function (box, right) {
        box.setDisabled(!right.allowed);
        box.el.set({ 'data-qtip': PRS.Format.esc(right.reason) });
    },

    failed: function (err) {
        let me = this;
        if (me.destroyed) {
            return;
        }
        if (err.kind === 'unreachable') {
            me.showPart('unreachable');
            return;
        }
        me.showPart('plan');
        me.plan = undefined;
        me.down('#verdict').setHtml(
            PRS.Format.icon('times-circle', 'critical') + PRS.Api.words(err),
        );
        me.down('#drain').setDisabled(true);
    },

    showPart: function (name) {
        this.getLayout().setActiveItem(this.down(`#${name}`));
        this.down('#drain').setHidden(name !== 'plan');
    },

    // Only the answer to the newest question counts.
    replan: async function () {
        let me = this;
        let mine = (me.question = (me.question || 0) + 1);
        let body = { kind: 'drain', node: me.nodename };
        body.stopped = me.down('#stopped').getValue();
        body.containers = me.down('#containers').getValue();
        if (me.down('#leave').getValue()) {
            body.leave = true;
        }
        me.down('#drain').setDisabled(true);
        me.down('#verdict').setHtml(PRS.Format.busy(gettext('Looking at each guest')));
        try {
            let plan = await PRS.Api.post('/plans', body);
            if (me.destroyed || mine !== me.question) {
                return;
            }
            me.plan = plan;
            me.down('#guests').fill(plan);
            me.down('#others').fill(plan, plan.node);
            me.verdict();
        } catch (err) {
            if (mine === me.question) {
                me.failed(err);
            }
        }
    },

    // The feasibility in one paragraph, and whether the button may be pressed.
    verdict: function () {
        let me = this;
        let { plan, status } = me;
        if (!plan) {
            return;
        }
        let sum = PRS.Loads.after(plan, me.cluster, new Set());
        let stuck = plan.blockers.length;
        let name = plan.node;
        let sentences = [];
        if (!plan.moves.length && !stuck) {
            sentences.push(plan.summary || Ext.String.format(gettext('{0} is empty.'), name));
        } else {
            let head = stuck
                ? gettext('{0} can be emptied except for {1}.')
                : gettext('{0} can be emptied.');
            let first = Ext.String.format(head, name, PRS.Format.guests(stuck));
            sentences.push(first);
        }
        if (plan.moves.length) {
            sentences.push(`${PRS.Loads.numbers(sum)}.`);
            let others = plan.after
                .filter((load) => load.node !== name && load.active)
                .map((load) => `${load.node} ${PRS.Format.percent(load.memory)}`);
            if (others.length <= 6) {
                sentences.push(
                    Ext.String.format(gettext('Memory afterwards: {0}.'), others.join(', ')),
                );
            }
            if (plan.spare && plan.spare.fits) {
                sentences.push(plan.spare.sentence);
            }
        }
        let leave = me.down('#leave');
        leave.setHidden(!stuck);
        let right = status.may.drain;
        if (right.allowed && !plan.moves.length && !me.down('#maintenance').getValue()) {
            right = { allowed: false, reason: gettext('There is nothing to move.') };
        } else if (right.allowed && stuck && !leave.getValue()) {
            let reason = gettext(
                'Some guests cannot move: tick "Leave what cannot move" to go on.',
            );
            right = { allowed: false, reason: reason };
        }
        PRS.Format.gate(me.down('#drain'), right);
        let look = stuck ? 'warning' : 'good';
        let lines = [PRS.Format[look](sentences.join(' '))];
        lines.push(...plan.warnings.map((text) => PRS.Format.warning(text)));
        if (!status.may.drain.allowed) {
            lines.push(PRS.Format.bad(status.may.drain.reason));
        }
        me.down('#verdict').setHtml(lines.join('<br>'));
        me.updateLayout();
    },

    run: async function () {
        let me = this;
        let sum = PRS.Loads.after(me.plan, me.cluster, new Set());
        let maintenance = me.down('#maintenance').getValue();
        try {
            let job = await PRS.Jobs.start(me.plan, sum, { maintenance: maintenance });
            if (job && !me.destroyed) {
                me.follow(job);
            }
        } catch (err) {
            PRS.Api.alert(err);
            if (err.code === 'drift') {
                me.replan();
            }
        }
    },

    follow: function (job) {
        let me = this;
        me.jobId = job.id;
        me.etag = undefined;
        me.empty = undefined;
        me.showPart('job');
        me.down('#job').fill(job);
        me.poller.start();
        me.fireEvent('started', me, job);
    },

    poll: async function () {
        let me = this;
        try {
            let { data, etag } = await PRS.Api.call('GET', `/jobs/${me.jobId}`, undefined, me.etag);
            me.etag = etag;
            me.job = data || me.job;
            if (!PRS.Jobs.open(me.job)) {
                let cluster = await PRS.Api.get('/cluster');
                me.empty = PRS.Loads.empty(cluster, me.job);
            }
            if (!me.destroyed) {
                me.showPart('job');
                me.down('#job').fill(me.job, me.empty);
            }
        } catch (err) {
            if (err.kind !== 'unreachable') {
                throw err;
            }
            if (!me.destroyed) {
                me.down('#job').down('#headline').setHtml(PRS.Format.warning(err.message));
            }
        }
    },
});
