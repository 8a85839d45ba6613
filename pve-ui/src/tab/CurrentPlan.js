// The plan that the tab shows, and which of its guests shall stay. Remembered over a reload of the page.
Ext.define('PRS.CurrentPlan', {
    // Seconds after which a remembered plan is too old to be shown again.
    maxAge: 1800,

    plan: undefined,
    planning: false,
    // The number of the newest question: only the answer to it counts.
    question: 0,

    // `memory` is a PRS.Memory; `shown` is called when there is another plan, or none any more.
    constructor: function (config) {
        Ext.apply(this, config);
        this.skip = new Set();
        this.avoid = new Set(this.memory.get('avoid').split('_').filter(Boolean));
    },

    // {count, bytes, ...} of what is ticked; undefined without a plan.
    sum: function (cluster) {
        return this.plan && PRS.Loads.after(this.plan, cluster, this.skip);
    },

    someTicked: function () {
        let { plan, skip } = this;
        return !plan || !skip.size || plan.moves.some((move) => !skip.has(move.vmid));
    },

    // `skip` is the Set of vmids that stay.
    set: function (plan, skip) {
        let me = this;
        me.plan = plan;
        me.restored = true;
        me.memory.set('plan', plan ? plan.id : '');
        me.leave(skip || new Set());
        me.shown(plan);
    },

    leave: function (skip) {
        this.skip = skip;
        this.memory.set('stay', [...skip].join('.'));
    },

    // A job of anybody, on any node, that was begun after the plan takes away what the plan stands on, also when it has ended before it
    // was read here. `list` is the answer of /jobs.
    outdone: (plan, list) => list.jobs.some((job) => job.created > plan.created),

    giveWay: function (list) {
        if (this.plan && list && this.outdone(this.plan, list)) {
            this.set(undefined);
        }
    },

    // After a reload of the page the plan is still there.
    restore: async function (list) {
        let me = this;
        let id = me.memory.get('plan');
        if (me.restored || !id) {
            return;
        }
        me.restored = true;
        try {
            let plan = await PRS.Api.get(`/plans/${id}`);
            let young = Date.now() / 1000 - plan.created < me.maxAge;
            if (young && !me.outdone(plan, list)) {
                let stay = me.memory.get('stay').split('.').filter(Boolean);
                me.set(plan, new Set(stay.map(Number)));
            }
        } catch (err) {
            if (err.kind !== 'refused') {
                throw err;
            }
            me.memory.set('plan', '');
        }
    },

    // `names` is the Set of nodes that shall get no guests.
    leaveOut: function (names) {
        this.avoid = names;
        this.memory.set('avoid', [...names].join('_'));
    },

    // Forgets nodes that the cluster no longer has.
    known: function (cluster) {
        let names = cluster.nodes.map((node) => node.name);
        let left = [...this.avoid].filter((name) => names.includes(name));
        if (left.length < this.avoid.size) {
            this.leaveOut(new Set(left));
        }
    },

    // Also of what is being planned just now nothing comes any more.
    drop: function () {
        this.question++;
        this.planning = false;
        this.set(undefined);
    },

    // Gives the plan, or undefined when there is none, or something else was asked meanwhile.
    make: async function (method) {
        let me = this;
        let answer = me.ask({ method: method }); // first, so that what is shown says that it is being planned
        me.set(undefined);
        let { plan, newest } = await answer;
        if (!newest) {
            return undefined;
        }
        me.set(plan);
        return plan;
    },

    // The same migrations with another target for one guest, checked by the service at once; the old ones when that cannot be.
    retarget: async function (vmid, node) {
        let me = this;
        let { plan, skip } = me;
        // What has to share a node with the guest goes with it: of such the first one named decides.
        let targets = new Map([[vmid, node]]);
        plan.moves
            .filter((move) => move.vmid !== vmid)
            .forEach((move) => targets.set(move.vmid, move.target));
        let list = [...targets].map(([guest, target]) => ({ vmid: guest, target: target }));
        let answer = await me.ask({ method: plan.method, targets: list });
        if (answer.newest && me.plan === plan) {
            me.set(answer.plan || plan, skip);
        }
    },

    ask: async function (more) {
        let me = this;
        let mine = ++me.question;
        let newest = () => mine === me.question;
        me.planning = true;
        let plan;
        try {
            let avoid = me.avoid.size ? { avoid: [...me.avoid] } : {};
            plan = await PRS.Api.post('/plans', { kind: 'balance', ...avoid, ...more });
        } catch (err) {
            if (newest()) {
                PRS.Api.alert(err);
            }
        }
        if (newest()) {
            me.planning = false;
        }
        return { plan: plan, newest: newest() };
    },
});
