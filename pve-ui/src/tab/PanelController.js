// Shows what was read and does what the tab's buttons say.
Ext.define('PRS.PanelController', {
    extend: 'Ext.app.ViewController',
    alias: 'controller.prsPanel',

    mixins: ['PRS.DrainActions'],

    onShow: function () {
        let me = this;
        let memory = Ext.create('PRS.Memory');
        me.lookup('method').setValue(memory.get('method') || 'memory');
        me.memory = memory;
        me.found = Ext.create('PRS.Readings', {
            memory: me.memory,
            read: (name, ended) => me.gone() || me.onRead(ended),
        });
        me.current = Ext.create('PRS.CurrentPlan', {
            memory: me.memory,
            shown: (plan) => me.onPlanShown(plan),
        });
        me.lookup('main').setLoading(true);
        me.poller = PRS.Poller.start(me.getView(), () => me.poll());
    },

    gone: function () {
        return this.destroyed || !this.getView() || this.getView().destroyed;
    },

    poll: async function () {
        let me = this;
        let trouble;
        try {
            await me.found.poll();
            if (!me.gone()) {
                await me.current.restore(me.found.jobs);
            }
        } catch (err) {
            if (!err.kind) {
                PRS.complain('panel', err);
            }
            trouble = err;
        }
        if (trouble || me.trouble) {
            me.trouble = trouble;
            me.render();
        }
    },

    // A plan that was carried out says nothing about what comes next.
    onRead: function (ended) {
        let me = this;
        if (ended) {
            me.found.outdate();
            me.current.set(undefined);
        }
        me.current.giveWay(me.found.jobs);
        me.render();
    },

    onPlanShown: function (plan) {
        let me = this;
        if (me.gone()) {
            return;
        }
        Ext.suspendLayouts();
        try {
            if (plan) {
                let method = me.lookup('method');
                method.suspendEvents(false);
                method.setValue(Object.fromEntries(plan.options).method || plan.method);
                method.resumeEvents();
            }
            me.lookup('moves').fill(plan, me.current.skip, me.found.cluster);
            me.lookup('stays').fill(plan, me.found.cluster);
            me.render();
        } finally {
            Ext.resumeLayouts(true);
        }
    },

    render: function () {
        let me = this;
        if (me.gone()) {
            return;
        }
        let view = me.getView();
        let unreachable = me.trouble && me.trouble.kind === 'unreachable';
        view.getLayout().setActiveItem(me.lookup(unreachable ? 'unreachable' : 'main'));
        me.lookup('toolbar').setHidden(!!unreachable);
        if (unreachable) {
            return;
        }
        Ext.suspendLayouts();
        try {
            me.renderParts();
        } finally {
            // Left suspended, all of PVE's interface would stand still.
            Ext.resumeLayouts(true);
        }
    },

    renderParts: function () {
        let me = this;
        let { status, cluster, job } = me.found;
        if (cluster || me.trouble) {
            me.lookup('main').setLoading(false);
        }
        me.lookup('notices').fill(me.found, me.current.plan, me.trouble);
        let balancing = status && status.balancing;
        me.lookup('balancing').fill(balancing);
        me.lookup('account').fill(balancing, status && status.may);
        me.lookup('suggestion').fill(balancing, status && status.may);
        // Only who may read the policy is told how automatic balancing stands.
        ['settings', 'rolling'].forEach((name) => me.lookup(name).setHidden(!balancing));
        me.lookup('pause').fill(balancing, status && status.may.cancel_others);
        if (cluster) {
            me.renderNodes(cluster, status && status.may);
        }
        if (status && cluster) {
            me.renderActions(status.may, cluster);
        }
        let panel = me.lookup('job');
        panel.setHidden(!job);
        if (job) {
            panel.fill(job, cluster && PRS.Loads.drained(cluster, job));
        }
    },

    renderNodes: function (cluster, may) {
        let me = this;
        let plan = me.current.plan;
        let chosen = plan ? plan.method : me.lookup('method').getValue();
        // One resource is shown: what the plan levels, and memory where that is all of them or not known yet.
        let method = PRS.Loads.resources.includes(chosen) ? chosen : 'memory';
        me.current.known(cluster);
        me.lookup('nodes').fill(
            cluster,
            method,
            me.current.plan,
            me.current.sum(cluster),
            me.current.avoid,
        );
        let words = PRS.PlanWords.summary(cluster, chosen, me.current, may);
        PRS.Format.html(me.lookup('summary'), words);
    },

    renderActions: function (may, cluster) {
        let me = this;
        let first = (...rights) => rights.find((right) => !right.allowed) || { allowed: true };
        let some = PRS.Format.right(me.current.someTicked(), gettext('All guests are unticked.'));
        let planTip = gettext('Show what would be moved; nothing moves yet');
        PRS.Format.gate(me.lookup('plan'), may.plan, planTip);
        PRS.Format.gate(me.lookup('run'), first(may.balance, some));
        me.lookup('drain').fill(cluster, may);
    },

    // Not before the remembered method was put in.
    onMethod: function (field, method) {
        let me = this;
        if (me.memory) {
            me.memory.set('method', method);
            me.current.drop();
        }
    },

    makePlan: function () {
        return this.current.make(this.lookup('method').getValue());
    },

    // Not greyed while it plans: that would take the focus away.
    onPlan: function () {
        if (!this.current.planning) {
            this.makePlan();
        }
    },

    onTicked: function (grid, skip) {
        this.current.leave(skip);
        this.render();
    },

    // What is shown has to be what the ticks say.
    onAvoid: function (grid, names) {
        let me = this;
        me.current.leaveOut(names);
        if (me.current.plan || me.current.planning) {
            me.makePlan();
        }
    },

    onRetarget: async function (grid, move, node) {
        let me = this;
        if (me.current.planning || !me.current.plan) {
            return;
        }
        let main = me.lookup('main');
        main.setLoading(`${gettext('Planning')}...`);
        await me.current.retarget(move.vmid, node);
        if (!me.gone()) {
            main.setLoading(false);
        }
    },

    onRun: async function () {
        let me = this;
        if (me.current.planning) {
            return;
        }
        let plan = me.current.plan || (await me.makePlan());
        if (!plan || me.gone()) {
            return;
        }
        if (!plan.moves.length) {
            Ext.Msg.alert(gettext('Nothing to do'), PRS.Format.esc(plan.summary));
            return;
        }
        try {
            let job = await PRS.Jobs.start(plan, me.current.sum(me.found.cluster));
            if (job && !me.gone()) {
                me.current.set(undefined);
                me.follow(job);
            }
        } catch (err) {
            PRS.Api.alert(err);
            if (err.code === 'drift') {
                me.current.set(undefined);
            }
        }
    },

    follow: function (job) {
        this.found.follow(job);
        this.poller.soon();
    },

    onJob: function (panel, job) {
        this.found.outdate('cluster');
        this.follow(job);
    },

    onDismiss: function (panel, job) {
        this.found.dismiss(job);
    },

    onRetry: function () {
        this.found.outdate();
        this.poller.soon();
    },
});
