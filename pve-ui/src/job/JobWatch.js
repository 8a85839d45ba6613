// Reads one job again and again, and for a drain that has ended what is seen of its node now.
Ext.define('PRS.JobWatch', {
    job: undefined,
    // As PRS.Loads.drained has it; undefined while the cluster was not looked at.
    seen: undefined,

    constructor: function (id) {
        this.id = id;
    },

    // Gives whether there is anything new since the last time.
    ask: async function () {
        let me = this;
        let { data, etag } = await PRS.Api.call('GET', `/jobs/${me.id}`, undefined, me.etag);
        let job = data || me.job;
        let seen = me.seen;
        if (job.kind === 'drain' && !PRS.Jobs.open(job)) {
            let found = await PRS.Api.call('GET', '/cluster', undefined, me.tag);
            me.tag = found.etag;
            seen = found.data ? PRS.Loads.drained(found.data, job) : seen;
        }
        let news = !!data || seen !== me.seen || me.failed;
        Ext.apply(me, { job: job, etag: etag, seen: seen, failed: false });
        return news;
    },

    // What was shown instead of the job has to go at the next answer, whatever it is.
    fail: function () {
        this.failed = true;
    },
});
