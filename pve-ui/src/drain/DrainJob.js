// Follows the job of a drain to its end. For the controller of the drain window.
Ext.define('PRS.DrainJob', {
    extend: 'Ext.Mixin',

    mixinConfig: { id: 'drainjob' },

    follow: function (job) {
        let me = this;
        let view = me.getView();
        me.watch = Ext.create('PRS.JobWatch', job.id);
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
        let { watch } = me;
        try {
            if ((await watch.ask()) && !me.destroyed && watch === me.watch) {
                me.lookup('job').fill(watch.job, watch.seen);
            }
        } catch (err) {
            if (!me.destroyed) {
                watch.fail();
                let headline = me.lookup('job').down('#headline');
                PRS.Format.html(headline, PRS.Format.warning(err.message));
            }
        }
    },
});
