// Keeps the tab up to date and does what its buttons say. Everything shown comes from `status`, `cluster`, `jobs`, `job`, `plan`.
Ext.define('PRS.PanelController', {
    extend: 'Ext.app.ViewController',

    // Seconds after which a part is asked for again; a running job itself is asked for at each round.
    ages: { status: 60, cluster: 10, jobs: 6 },

    shapes: {
        status: (answer) => answer.may && Array.isArray(answer.warnings),
        cluster: (answer) => Array.isArray(answer.nodes) && Array.isArray(answer.guests),
        jobs: (answer) => Array.isArray(answer.jobs) && Array.isArray(answer.peers),
    },

    onShow: function () {
        let me = this;
        me.asked = {};
        me.skip = new Set();
        let memory = Ext.create('PRS.Memory');
        me.part('method').setValue(memory.get('method') || 'memory');
        me.memory = memory;
        me.poller = Ext.create('PRS.Poller', { run: () => me.poll() });
        me.poller.start();
    },

    // Not a listener of the view: ExtJS 7 takes the controller away before the view's own event.
    destroy: function () {
        if (this.poller) {
            this.poller.stop();
        }
        this.callParent();
    },

    part: function (name) {
        return this.getView().down(`#${name}`);
    },

    method: function () {
        return this.part('method').getValue();
    },

    gone: function () {
        return this.destroyed || !this.getView() || this.getView().destroyed;
    },

    // ---- reading

    poll: async function () {
        let me = this;
        let steps = [
            () => me.refresh('status', '/status'),
            () => me.refresh('cluster', '/cluster'),
            () => me.refresh('jobs', '/jobs?limit=20'),
            () => me.refreshJob(),
            () => me.restorePlan(),
        ];
        try {
            for (let step of steps) {
                await step();
                if (me.gone()) {
                    return;
                }
            }
            me.trouble = undefined;
        } catch (err) {
            if (me.gone()) {
                return;
            }
            if (!err.kind) {
                complain('panel', err);
            }
            me.trouble = err;
        }
        me.render();
    },

    refresh: async function (name, path) {
        let me = this;
        let now = Date.now() / 1000;
        if (now - (me.asked[name] || 0) >= me.ages[name]) {
            let answer = await PRS.Api.get(path);
            if (!me.shapes[name](answer)) {
                throw PRS.Api.failure(
                    'garbage',
                    gettext('The service gave an answer that makes no sense.'),
                );
            }
            if (!me.gone()) {
                me[name] = answer;
                me.asked[name] = now;
            }
        }
    },

    // The newest open job; else the one that was followed here; else the drain of a node that is still empty.
    refreshJob: async function () {
        let me = this;
        let { jobs } = me.jobs;
        let brief =
            jobs.find((job) => PRS.Jobs.open(job)) ||
            jobs.find((job) => job.id === me.followed) ||
            jobs.find((job) => job.kind === 'drain' && job.may.undo.allowed && me.isEmpty(job));
        if (me.followed && me.job && me.job.id === me.followed && PRS.Jobs.open(me.job)) {
            brief = me.job;
        }
        if (!brief || brief.id === me.memory.get('dismissed')) {
            me.job = undefined;
            return;
        }
        if (PRS.Jobs.open(brief)) {
            me.followed = brief.id;
        }
        if (!me.job || me.job.id !== brief.id) {
            me.etag = undefined;
        } else if (!PRS.Jobs.open(me.job) && me.job.revision === brief.revision) {
            return;
        }
        let { data, etag } = await PRS.Api.call('GET', `/jobs/${brief.id}`, undefined, me.etag);
        me.etag = etag;
        if (data) {
            let ended = me.job && PRS.Jobs.open(me.job) && !PRS.Jobs.open(data);
            me.job = data;
            if (ended) {
                me.onEnded();
            }
        }
    },

    // A plan that was carried out says nothing about what comes next.
    onEnded: function () {
        let me = this;
        me.asked = {};
        me.forgetPlan();
    },

    isEmpty: function (job) {
        return PRS.Loads.empty(this.cluster, job);
    },

    // After a reload of the page the plan is still there.
    restorePlan: async function () {
        let me = this;
        let id = me.memory.get('plan');
        if (me.restored || !id) {
            return;
        }
        me.restored = true;
        try {
            let plan = await PRS.Api.get(`/plans/${id}`);
            if (Date.now() / 1000 - plan.created < 1800) {
                me.showPlan(plan);
            }
        } catch (err) {
            if (err.kind !== 'refused') {
                throw err;
            }
            me.memory.set('plan', '');
        }
    },

    // ---- showing

    render: function () {
        let me = this;
        let view = me.getView();
        let unreachable = me.trouble && me.trouble.kind === 'unreachable';
        view.getLayout().setActiveItem(me.part(unreachable ? 'unreachable' : 'main'));
        me.part('toolbar').setHidden(!!unreachable);
        if (unreachable) {
            return;
        }
        Ext.suspendLayouts();
        try {
            me.renderNotices();
            if (me.cluster) {
                me.renderNodes();
            }
            if (me.status && me.cluster) {
                me.renderActions();
            }
            me.renderJob();
        } finally {
            // Left suspended, all of PVE's interface would stand still.
            Ext.resumeLayouts(true);
        }
    },

    renderNotices: function () {
        let me = this;
        let lines = [];
        if (me.trouble) {
            let again = me.trouble.kind === 'session' ? gettext('Log in again to go on.') : '';
            lines.push(
                `${PRS.Format.icon('times-circle', 'critical')} ${PRS.Api.words(me.trouble)} ${again}`,
            );
        }
        let told = new Set([
            ...((me.status && me.status.warnings) || []),
            ...((me.cluster && me.cluster.problems) || []),
            ...((me.plan && me.plan.warnings) || []),
        ]);
        if (me.status && !me.status.daemon) {
            told.add(
                gettext(
                    'The service that carries jobs out is not running: jobs wait until it is started.',
                ),
            );
        }
        let silent = ((me.jobs && me.jobs.peers) || []).filter((peer) => !peer.reached);
        if (silent.length) {
            let names = silent.map((peer) => peer.node).join(', ');
            let words = gettext('Jobs started on {0} are not shown here: {1}');
            told.add(Ext.String.format(words, names, silent[0].message));
        }
        let sentences = new Set([...told].map((text) => text.replace(/\.$/, '')));
        lines.push(...[...sentences].map((text) => PRS.Format.warning(`${text}.`)));
        let html = lines.join('<br>');
        if (html !== me.noticed) {
            me.noticed = html;
            let box = me.part('notices');
            box.setHtml(html);
            box.setHidden(!html);
        }
    },

    renderNodes: function () {
        let me = this;
        let method = me.method();
        let sum = me.plan && PRS.Loads.after(me.plan, me.cluster, me.skip);
        me.part('nodes').fill(me.cluster, method, me.plan, sum);
        let words = Ext.String.format(
            gettext('Spread {0} points.'),
            PRS.Format.points(me.cluster.spread[method]),
        );
        if (sum) {
            let from = PRS.Format.points(me.plan.spread_before);
            let parts = [
                Ext.String.format(
                    gettext('Spread {0} points → {1}.'),
                    from,
                    PRS.Format.points(sum.spread),
                ),
            ];
            let best = me.plan.spread_reachable;
            if (best !== null) {
                let text = gettext('Best reachable with any number of migrations: {0}.');
                parts.push(Ext.String.format(text, PRS.Format.points(best)));
            }
            let over = me.plan.cost / me.plan.cost_bound;
            if (over < 2 && !me.skip.size) {
                let text = gettext('At most {0}% above the cheapest way.');
                parts.push(Ext.String.format(text, Math.ceil(over * 100 - 100.01)));
            }
            if (me.plan.spare && me.plan.spare.fits && !me.skip.size) {
                parts.push(me.plan.spare.sentence);
            }
            if (!me.plan.moves.length) {
                parts.unshift(me.plan.summary);
            }
            words = parts.join(' ');
        }
        me.part('spread').setHtml(PRS.Format.esc(words));
        let outcome = '';
        if (me.planning) {
            outcome = PRS.Format.busy(gettext('Planning'));
        } else if (sum && me.plan.moves.length) {
            outcome = PRS.Format.good(PRS.Loads.numbers(sum));
        } else if (sum) {
            outcome = PRS.Format.good(gettext('Nothing to do'));
        }
        me.part('outcome').setHtml(outcome);
    },

    renderActions: function () {
        let me = this;
        let { may } = me.status;
        let busy = me.planning ? PRS.Format.right(false, gettext('Planning')) : undefined;
        let first = (...rights) =>
            rights.find((right) => right && !right.allowed) || { allowed: true };
        PRS.Format.gate(
            me.part('plan'),
            first(may.plan, busy),
            gettext('Show what would be moved; nothing moves yet'),
        );
        let empty = PRS.Format.right(
            !me.plan || me.skip.size === 0 || me.plan.moves.some((move) => !me.skip.has(move.vmid)),
            gettext('All guests are unticked.'),
        );
        PRS.Format.gate(me.part('run'), first(may.balance, busy, empty));
        PRS.Format.gate(me.part('drain'), may.plan, gettext('Move all guests of a node away'));
        let nodes = me.cluster.nodes
            .map((node) => [node.name, node.online, node.ha, !!node.held])
            .join();
        if (nodes !== me.listed) {
            me.listed = nodes;
            let menu = me.part('drain').getMenu();
            menu.removeAll();
            menu.add(
                me.cluster.nodes.map((node) => ({
                    text: PRS.Format.esc(node.name),
                    iconCls: 'fa fa-fw fa-building',
                    disabled: !node.online,
                    handler: () => me.drain(node.name),
                })),
            );
            let kept = me.cluster.nodes.filter((node) => node.held || node.ha === 'maintenance');
            menu.add(
                kept.map((node) => {
                    let words = node.held
                        ? gettext('Let guests onto {0} again')
                        : gettext('End HA maintenance mode of {0}');
                    let right = !node.held || node.held.maintenance ? may.maintenance : may.drain;
                    return {
                        text: Ext.String.format(words, PRS.Format.esc(node.name)),
                        iconCls: 'fa fa-fw fa-unlock',
                        disabled: !right.allowed,
                        tooltip: PRS.Format.esc(right.reason),
                        handler: () => me.open(node),
                    };
                }),
            );
        }
    },

    renderJob: function () {
        let me = this;
        let panel = me.part('job');
        panel.setHidden(!me.job);
        if (me.job) {
            let ended = !PRS.Jobs.open(me.job);
            panel.fill(me.job, ended && me.job.kind === 'drain' ? me.isEmpty(me.job) : undefined);
        }
    },

    // ---- doing

    drain: function (name) {
        let me = this;
        let soon = () => {
            me.asked.jobs = 0;
            me.poller.soon();
        };
        Ext.create('PRS.DrainWindow', {
            nodename: name,
            autoShow: true,
            listeners: { started: soon, destroy: soon },
        });
    },

    // Guests may come to the node again.
    open: async function (node) {
        let me = this;
        try {
            let done = await PRS.Jobs[node.held ? 'release' : 'endMaintenance'](node.name);
            if (node.held && done.message) {
                Ext.Msg.alert(node.name, PRS.Format.esc(done.message));
            }
            me.asked.cluster = 0;
            me.poller.soon();
        } catch (err) {
            PRS.Api.alert(err);
        }
    },

    onMethod: function () {
        let me = this;
        if (me.memory) {
            me.memory.set('method', me.method());
            me.forgetPlan();
            me.render();
        }
    },

    forgetPlan: function () {
        let me = this;
        me.plan = undefined;
        me.restored = true;
        me.skip = new Set();
        me.memory.set('plan', '');
        me.part('moves').hide();
        me.part('stays').hide();
    },

    showPlan: function (plan) {
        let me = this;
        me.plan = plan;
        me.skip = new Set();
        me.restored = true;
        me.memory.set('plan', plan.id);
        me.part('method').suspendEvents(false);
        me.part('method').setValue(plan.method);
        me.part('method').resumeEvents();
        let moves = me.part('moves');
        moves.fill(plan);
        moves.setVisible(plan.moves.length > 0);
        let stays = me.part('stays');
        stays.fill(plan);
        stays.setVisible(plan.stays.length > 0);
    },

    // Gives the plan, or undefined when there is none.
    makePlan: async function () {
        let me = this;
        me.planning = true;
        me.forgetPlan();
        me.render();
        try {
            let plan = await PRS.Api.post('/plans', { kind: 'balance', method: me.method() });
            if (me.gone()) {
                return undefined;
            }
            me.showPlan(plan);
            return plan;
        } catch (err) {
            PRS.Api.alert(err);
            return undefined;
        } finally {
            me.planning = false;
            if (!me.gone()) {
                me.render();
            }
        }
    },

    onPlan: function () {
        this.makePlan();
    },

    onTicked: function (grid, skip) {
        this.skip = skip;
        this.render();
    },

    onRun: async function () {
        let me = this;
        let plan = me.plan || (await me.makePlan());
        if (!plan || me.gone()) {
            return;
        }
        if (!plan.moves.length) {
            Ext.Msg.alert(gettext('Nothing to do'), PRS.Format.esc(plan.summary));
            return;
        }
        try {
            let job = await PRS.Jobs.start(plan, PRS.Loads.after(plan, me.cluster, me.skip));
            if (job && !me.gone()) {
                me.follow(job);
            }
        } catch (err) {
            PRS.Api.alert(err);
            if (err.code === 'drift') {
                me.forgetPlan();
                me.render();
            }
        }
    },

    follow: function (job) {
        let me = this;
        me.job = job;
        me.followed = job.id;
        me.etag = undefined;
        me.asked.jobs = 0;
        me.render();
        me.poller.soon();
    },

    onJobChanged: function (panel, job) {
        this.follow(job);
    },

    onBack: function (panel, job) {
        this.follow(job);
    },

    onDismiss: function (panel, job) {
        let me = this;
        me.memory.set('dismissed', job.id);
        me.followed = undefined;
        me.job = undefined;
        me.render();
    },

    onRetry: function () {
        let me = this;
        me.asked = {};
        me.poller.soon();
    },
});
