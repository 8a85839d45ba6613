// Asks what a drain would do whenever something is ticked, starts it and follows it.
Ext.define('PRS.DrainController', {
    extend: 'Ext.app.ViewController',
    alias: 'controller.prsDrain',

    init: function (view) {
        PRS.Format.within(view, 900, 640);
        let title = Ext.String.format(gettext('Drain node {0}'), view.nodename);
        view.setTitle(PRS.Format.esc(title));
    },

    onShow: function () {
        this.begin();
    },

    onClose: function () {
        this.getView().close();
    },

    // Asks the service who may do what and makes the first plan; the help page appears if it cannot be reached.
    begin: async function () {
        let me = this;
        try {
            let paths = ['/status', '/cluster'];
            [me.status, me.cluster] = await Promise.all(paths.map((path) => PRS.Api.get(path)));
            if (me.destroyed) {
                return;
            }
            me.showPart('plan');
            me.offer();
            me.started = true;
            await me.replan();
        } catch (err) {
            me.failed(err);
        }
    },

    // What can be ticked, and what is ticked at first.
    offer: function () {
        let me = this;
        let name = me.getView().nodename;
        let node = me.cluster.nodes.find((one) => one.name === name);
        let right = me.status.may.maintenance;
        if (right.allowed && !(node && node.ha)) {
            right = PRS.Format.right(false, gettext('HA is not in use on this node.'));
        }
        let maintenance = me.lookup('maintenance');
        maintenance.setDisabled(!right.allowed);
        maintenance.el.set({ 'data-qtip': PRS.Format.esc(right.reason) });
        maintenance.setValue(right.allowed);
        me.lookup('containers').setValue(me.status.defaults.containers);
    },

    onRetry: function () {
        this.begin();
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
        let words = PRS.Format.icon('times-circle', 'critical') + PRS.Api.words(err);
        PRS.Format.html(me.lookup('verdict'), words);
        me.lookup('drain').setDisabled(true);
    },

    showPart: function (name) {
        this.getView().getLayout().setActiveItem(this.lookup(name));
        this.lookup('drain').setHidden(name !== 'plan');
    },

    onTicked: function () {
        if (this.started) {
            this.replan();
        }
    },

    onMaintenance: function () {
        this.showVerdict();
    },

    // Only the answer to the newest question counts.
    replan: async function () {
        let me = this;
        let mine = (me.question = (me.question || 0) + 1);
        let body = { kind: 'drain', node: me.getView().nodename };
        body.stopped = me.lookup('stopped').getValue();
        body.containers = me.lookup('containers').getValue();
        if (me.lookup('leave').getValue()) {
            body.leave = true;
        }
        me.lookup('drain').setDisabled(true);
        PRS.Format.html(me.lookup('verdict'), PRS.Format.busy(gettext('Looking at each guest')));
        try {
            let plan = await PRS.Api.post('/plans', body);
            if (!me.destroyed && mine === me.question) {
                me.showPlan(plan);
            }
        } catch (err) {
            if (mine === me.question) {
                me.failed(err);
            }
        }
    },

    showPlan: function (plan) {
        let me = this;
        me.plan = plan;
        Ext.suspendLayouts();
        try {
            me.lookup('guests').fill(plan);
            me.lookup('others').fill(plan, plan.node);
            me.showVerdict();
        } finally {
            Ext.resumeLayouts(true);
        }
    },

    showVerdict: function () {
        let me = this;
        let { plan, status } = me;
        if (!plan) {
            return;
        }
        let stuck = plan.blockers.length > 0;
        let leave = me.lookup('leave');
        leave.setHidden(!stuck);
        let [left, maintenance] = [leave, me.lookup('maintenance')].map((box) => box.getValue());
        let right = PRS.DrainWords.right(plan, status.may.drain, left, maintenance);
        PRS.Format.gate(me.lookup('drain'), right);
        let sum = PRS.Loads.after(plan, me.cluster, new Set());
        let words = PRS.DrainWords.verdict(plan, sum);
        let lines = [PRS.Format[stuck ? 'warning' : 'good'](words)];
        lines.push(...plan.warnings.map((text) => PRS.Format.warning(text)));
        if (!status.may.drain.allowed) {
            lines.push(PRS.Format.bad(status.may.drain.reason));
        }
        PRS.Format.html(me.lookup('verdict'), lines.join('<br>'));
    },

    onDrain: async function () {
        let me = this;
        let sum = PRS.Loads.after(me.plan, me.cluster, new Set());
        let maintenance = me.lookup('maintenance').getValue();
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
        let view = me.getView();
        me.job = job;
        me.etag = undefined;
        me.empty = undefined;
        me.showPart('job');
        me.lookup('job').fill(job);
        me.poller = me.poller || PRS.Poller.start(view, () => me.poll());
        view.fireEvent('started', view, job);
    },

    onChanged: function () {
        this.poller.soon();
    },

    onBack: function (panel, job) {
        this.follow(job);
    },

    poll: async function () {
        let me = this;
        try {
            let path = `/jobs/${me.job.id}`;
            let { data, etag } = await PRS.Api.call('GET', path, undefined, me.etag);
            me.etag = etag;
            let job = data || me.job;
            let ended = !PRS.Jobs.open(job);
            let empty = ended ? PRS.Loads.empty(await PRS.Api.get('/cluster'), job) : undefined;
            if (!me.destroyed && (data || empty !== me.empty || me.broken)) {
                Ext.apply(me, { job: job, empty: empty, broken: false });
                me.lookup('job').fill(job, empty);
            }
        } catch (err) {
            if (err.kind !== 'unreachable') {
                throw err;
            }
            if (!me.destroyed) {
                me.broken = true;
                let headline = me.lookup('job').down('#headline');
                PRS.Format.html(headline, PRS.Format.warning(err.message));
            }
        }
    },
});
