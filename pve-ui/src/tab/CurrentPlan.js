// The plan that the tab shows, and which of its guests shall stay. Remembered over a reload of the page.
Ext.define('PRS.CurrentPlan', {
    // Seconds after which a remembered plan is too old to be shown again.
    maxAge: 1800,

    plan: undefined,
    planning: false,

    // `memory` is a PRS.Memory; `shown` is called when there is another plan, or none any more.
    constructor: function (config) {
        Ext.apply(this, config);
        this.skip = new Set();
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

    // After a reload of the page the plan is still there.
    restore: async function () {
        let me = this;
        let id = me.memory.get('plan');
        if (me.restored || !id) {
            return;
        }
        me.restored = true;
        try {
            let plan = await PRS.Api.get(`/plans/${id}`);
            if (Date.now() / 1000 - plan.created < me.maxAge) {
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

    // Gives the plan, or undefined when there is none.
    make: async function (method) {
        let me = this;
        me.planning = true;
        me.set(undefined);
        let plan;
        try {
            plan = await PRS.Api.post('/plans', { kind: 'balance', method: method });
        } catch (err) {
            PRS.Api.alert(err);
        }
        me.planning = false;
        me.set(plan);
        return plan;
    },
});
