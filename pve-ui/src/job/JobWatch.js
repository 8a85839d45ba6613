// Reads one job again and again, and for a drain that has ended whether the cluster shows its node empty.
Ext.define('PRS.JobWatch', {
    job: undefined,
    // Undefined while the cluster was not looked at.
    empty: undefined,

    constructor: function (id) {
        this.id = id;
    },

    // Gives whether there is anything new since the last time.
    ask: async function () {
        let me = this;
        let { data, etag } = await PRS.Api.call('GET', `/jobs/${me.id}`, undefined, me.etag);
        let job = data || me.job;
        let empty = me.empty;
        if (job.kind === 'drain' && !PRS.Jobs.open(job) && !empty) {
            empty = PRS.Loads.empty(await PRS.Api.get('/cluster'), job);
        }
        let news = !!data || empty !== me.empty || me.failed;
        Ext.apply(me, { job: job, etag: etag, empty: empty, failed: false });
        return news;
    },

    // What was shown instead of the job has to go at the next answer, whatever it is.
    fail: function () {
        this.failed = true;
    },
});
