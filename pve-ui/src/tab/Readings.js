// What the tab has read from the service. Each part is asked for again when it is old enough; `poll` gives the names of those that changed.
Ext.define('PRS.Readings', {
    // Seconds after which a part is asked for again; a running job itself is asked for at each round.
    ages: { status: 60, cluster: 10, jobs: 6 },

    // After something was changed here it shows within seconds: for so long these parts are asked for every few seconds.
    hurry: { lasts: 30, age: 3 },

    paths: { status: '/status', cluster: '/cluster', jobs: '/jobs?limit=20' },

    shapes: {
        status: (answer) => answer.may && Array.isArray(answer.warnings),
        cluster: (answer) => Array.isArray(answer.nodes) && Array.isArray(answer.guests),
        jobs: (answer) => Array.isArray(answer.jobs) && Array.isArray(answer.peers),
    },

    // `memory` is a PRS.Memory; `read` is called with a part's name as soon as it has come.
    constructor: function (config) {
        let me = this;
        Ext.apply(me, config);
        me.asked = {};
        me.tags = {};
    },

    poll: async function () {
        let me = this;
        // The first call proves the ticket to the service, which lets only few unproven ones wait at the same time.
        await me.refresh('status');
        await Promise.all([me.refresh('cluster'), me.refresh('jobs')]);
        if (me.jobs && me.cluster) {
            await me.refreshJob();
        }
    },

    // Lets the next round ask for all of it, or for the parts named.
    outdate: function (...names) {
        let me = this;
        if (!names.length) {
            me.hurried = Date.now() / 1000 + me.hurry.lasts;
        }
        (names.length ? names : Object.keys(me.paths)).forEach((name) => {
            me.asked[name] = 0;
        });
    },

    refresh: async function (name) {
        let me = this;
        let now = Date.now() / 1000;
        let age = now < me.hurried ? Math.min(me.hurry.age, me.ages[name]) : me.ages[name];
        if (now - (me.asked[name] || 0) < age) {
            return;
        }
        let { data, etag } = await PRS.Api.call('GET', me.paths[name], undefined, me.tags[name]);
        if (data && !me.shapes[name](data)) {
            let words = gettext('The service gave an answer that makes no sense.');
            throw PRS.Api.failure('garbage', words);
        }
        me.asked[name] = now;
        me.tags[name] = etag;
        if (data) {
            me[name] = data;
            me.read(name);
        }
    },

    // The newest open job; else the one that was followed here; else the drain of a node that is still empty.
    chosen: function () {
        let me = this;
        let { jobs } = me.jobs;
        if (me.followed && me.job && me.job.id === me.followed && PRS.Jobs.open(me.job)) {
            return me.job;
        }
        let brief =
            jobs.find((job) => PRS.Jobs.open(job)) ||
            jobs.find((job) => job.id === me.followed) ||
            jobs.find((job) => job.kind === 'drain' && job.may.undo.allowed && me.isEmpty(job));
        return brief && brief.id !== me.memory.get('dismissed') ? brief : undefined;
    },

    refreshJob: async function () {
        let me = this;
        let brief = me.chosen();
        if (!brief) {
            me.setJob(undefined);
            return;
        }
        if (PRS.Jobs.open(brief)) {
            me.followed = brief.id;
        }
        let known = me.job && me.job.id === brief.id;
        if (known && !PRS.Jobs.open(me.job) && me.job.revision === brief.revision) {
            return;
        }
        let tag = known ? me.tags.job : undefined;
        let { data, etag } = await PRS.Api.call('GET', `/jobs/${brief.id}`, undefined, tag);
        me.tags.job = etag;
        if (data) {
            me.setJob(data);
        }
    },

    setJob: function (job) {
        let me = this;
        if (job !== me.job) {
            let ended = job && me.job && PRS.Jobs.open(me.job) && !PRS.Jobs.open(job);
            me.job = job;
            me.read('job', ended);
        }
    },

    follow: function (job) {
        let me = this;
        me.followed = job.id;
        me.tags.job = undefined;
        me.outdate('jobs');
        me.setJob(job);
    },

    dismiss: function (job) {
        let me = this;
        me.memory.set('dismissed', job.id);
        me.followed = undefined;
        me.setJob(undefined);
    },

    isEmpty: function (job) {
        return PRS.Loads.empty(this.cluster, job);
    },
});
