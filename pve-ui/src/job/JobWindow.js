// One job of the history: its migrations, and the nodes before and after.
Ext.define('PRS.JobWindow', {
    extend: 'Ext.window.Window',
    xtype: 'prsJobWindow',

    plugins: [{ ptype: 'prsaccessible' }],
    title: gettext('Job'),
    iconCls: 'fa fa-balance-scale',
    modal: true,
    constrain: true,
    scrollable: 'y',
    layout: { type: 'vbox', align: 'stretch' },

    jobId: undefined,

    controller: {
        xclass: 'Ext.app.ViewController',

        init: function (view) {
            PRS.Format.within(view, 900, 600);
        },

        onShow: function () {
            this.watch = Ext.create('PRS.JobWatch', this.getView().jobId);
            this.getView().setLoading(true);
            this.poller = PRS.Poller.start(this.getView(), () => this.load());
        },

        onClose: function () {
            this.getView().close();
        },

        onChanged: function () {
            this.poller.soon();
        },

        onBack: function (panel, job) {
            this.watch = Ext.create('PRS.JobWatch', job.id);
            this.poller.soon();
        },

        load: async function () {
            let me = this;
            let { watch } = me;
            try {
                if ((await watch.ask()) && !me.destroyed && watch === me.watch) {
                    me.show(watch.job, watch.seen);
                }
            } catch (err) {
                if (!me.destroyed) {
                    watch.fail();
                    PRS.Format.html(me.lookup('notice'), PRS.Format.bad(err.message));
                }
            }
            if (!me.destroyed) {
                me.getView().setLoading(false);
            }
        },

        show: function (job, seen) {
            let me = this;
            let title = `${PRS.Jobs.what(job, job.plan.method)}: ${job.user}`;
            Ext.suspendLayouts();
            try {
                me.getView().setTitle(PRS.Format.esc(title));
                PRS.Format.html(me.lookup('notice'), PRS.Format.esc(job.summary));
                me.lookup('job').show();
                me.lookup('job').fill(job, seen);
                me.lookup('nodes').show();
                me.lookup('nodes').fill(job.plan);
            } finally {
                Ext.resumeLayouts(true);
            }
        },
    },

    listeners: { afterrender: 'onShow' },

    items: [
        { xtype: 'component', reference: 'notice', padding: '10 10 0 10' },
        {
            xtype: 'prsJobPanel',
            reference: 'job',
            flex: 1,
            minHeight: 200,
            snug: 380,
            hidden: true,
            listeners: { changed: 'onChanged', back: 'onBack' },
        },
        { xtype: 'prsNodesAfter', reference: 'nodes', maxHeight: 200, hidden: true },
    ],

    buttons: [{ ui: 'default-toolbar', text: gettext('Close'), handler: 'onClose' }],
});
