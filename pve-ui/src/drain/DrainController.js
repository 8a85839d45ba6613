// Asks what a drain would do whenever something is ticked, starts it and follows it.
Ext.define('PRS.DrainController', {
    extend: 'Ext.app.ViewController',
    alias: 'controller.prsDrain',

    mixins: ['PRS.DrainJob'],

    init: function (view) {
        PRS.Format.within(view, 900, 640);
        this.targets = new Map();
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
            let node = me.node();
            me.showPart('plan');
            if (node && node.held) {
                me.offerEnd(node);
                if (!node.running) {
                    me.showPart('drained');
                    return;
                }
            }
            me.offer();
            me.started = true;
            await me.replan();
        } catch (err) {
            me.failed(err);
        }
    },

    node: function () {
        let name = this.getView().nodename;
        return this.cluster.nodes.find((one) => one.name === name);
    },

    // A node that was drained already: what there is to do is to end that.
    offerEnd: function (node) {
        let me = this;
        let { may } = me.status;
        let button = me.lookup('endDrain');
        PRS.Format.html(me.lookup('drained'), PRS.Format.good(PRS.NodeState.drained(node)));
        PRS.Format.gate(button, node.held.maintenance ? may.maintenance : may.drain);
        button.show();
    },

    onEndDrain: async function () {
        let me = this;
        let view = me.getView();
        try {
            let busy = (text) => view.setLoading(`${text}...`);
            let job = await PRS.Jobs.endDrain(me.node(), busy);
            if (job && !me.destroyed) {
                me.follow(job);
            } else if (!me.destroyed) {
                view.close();
            }
        } catch (err) {
            PRS.Api.alert(err);
        }
        if (!me.destroyed) {
            view.setLoading(false);
        }
    },

    // What can be ticked, and what is ticked at first: not over what somebody has ticked while the service had not answered yet.
    offer: function () {
        let me = this;
        let node = me.node();
        let right = me.status.may.maintenance;
        if (right.allowed && !(node && node.ha)) {
            right = PRS.Format.right(false, gettext('HA is not in use on this node.'));
        }
        let maintenance = me.lookup('maintenance');
        maintenance.setDisabled(!right.allowed);
        maintenance.el.set({ 'data-qtip': PRS.Format.esc(right.reason) });
        if (!right.allowed || !maintenance.isDirty()) {
            maintenance.setValue(right.allowed);
        }
        let containers = me.lookup('containers');
        if (!containers.isDirty()) {
            containers.setValue(me.status.defaults.containers);
        }
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
        if (name === 'job') {
            this.lookup('endDrain').hide();
            this.getView().focus(); // a button that is hidden takes the focus out of the window, whose keys are dead then
        }
    },

    onTicked: function () {
        if (this.started) {
            this.replan();
        }
    },

    onMaintenance: function () {
        this.showVerdict();
    },

    // What is ticked and chosen, as the service is asked.
    asked: function () {
        let me = this;
        let ticked = (name) => me.lookup(name).getValue();
        let body = { kind: 'drain', node: me.getView().nodename };
        Ext.apply(body, { stopped: ticked('stopped'), containers: ticked('containers') });
        let more = {
            leave: ticked('leave') ? [true] : [],
            relax: me.lookup('relax').ticked(),
            avoid: me.lookup('others').avoided(),
            targets: [...me.targets].map(([vmid, target]) => ({ vmid: vmid, target: target })),
        };
        Object.entries(more)
            .filter(([name, value]) => value.length)
            .forEach(([name, value]) => (body[name] = name === 'leave' ? true : value));
        return body;
    },

    // A node that cannot take the guest is no choice: the one before stays.
    onRetarget: async function (grid, guest, node) {
        let me = this;
        let before = new Map(me.targets);
        me.targets.set(guest.vmid, node);
        let plan = await me.replan();
        let stuck = plan && plan.blockers.find((one) => one.vmid === guest.vmid);
        if (stuck && !me.destroyed) {
            me.targets = before;
            Ext.Msg.alert(gettext('Error'), PRS.Format.esc(stuck.reason));
            await me.replan();
        }
    },

    // Only the answer to the newest question counts, and is given.
    replan: async function () {
        let me = this;
        let mine = (me.question = (me.question || 0) + 1);
        let body = me.asked();
        me.lookup('drain').setDisabled(true);
        PRS.Format.html(me.lookup('verdict'), PRS.Format.busy(gettext('Looking at each guest')));
        try {
            let plan = await PRS.Api.post('/plans', body);
            if (!me.destroyed && mine === me.question) {
                me.showPlan(plan);
                return plan;
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
            me.lookup('guests').fill(plan, me.cluster);
            me.lookup('relax').fill(plan);
            me.lookup('others').fill(plan, plan.node, me.cluster);
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
        let ticked = { leave: left, containers: me.lookup('containers').getValue() };
        let words = PRS.DrainWords.verdict(plan, sum, ticked);
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
});
