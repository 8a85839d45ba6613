// One job of the history: its migrations, and the nodes before and after.
Ext.define('PRS.JobWindow', {
    extend: 'Ext.window.Window',
    xtype: 'prsJobWindow',

    title: gettext('Job'),
    iconCls: 'fa fa-balance-scale',
    modal: true,
    constrain: true,
    scrollable: 'y',
    layout: { type: 'vbox', align: 'stretch' },

    initComponent: function () {
        let me = this;
        me.width = Math.min(900, Ext.Element.getViewportWidth() - 20);
        me.height = Math.min(600, Ext.Element.getViewportHeight() - 20);
        me.items = [
            { xtype: 'component', itemId: 'notice', padding: '10 10 0 10' },
            {
                xtype: 'prsJobPanel',
                itemId: 'job',
                flex: 1,
                minHeight: 200,
                stepsHeight: 380,
                hidden: true,
                listeners: {
                    changed: () => me.poller.soon(),
                    back: (panel, job) => {
                        me.jobId = job.id;
                        me.etag = undefined;
                        me.poller.soon();
                    },
                },
            },
            {
                xtype: 'prsNodesAfter',
                itemId: 'nodes',
                beforeText: gettext('Before'),
                maxHeight: 200,
                hidden: true,
            },
        ];
        me.buttons = [{ text: gettext('Close'), handler: () => me.close() }];
        me.poller = Ext.create('PRS.Poller', { run: () => me.load() });
        me.callParent();
        me.on('afterrender', () => me.poller.start());
        me.on('destroy', () => me.poller.stop());
    },

    load: async function () {
        let me = this;
        try {
            let { data, etag } = await PRS.Api.call('GET', `/jobs/${me.jobId}`, undefined, me.etag);
            me.etag = etag;
            if (!data || me.destroyed) {
                return;
            }
            let empty;
            if (data.kind === 'drain' && !PRS.Jobs.open(data)) {
                empty = PRS.Loads.empty(await PRS.Api.get('/cluster'), data);
            }
            if (me.destroyed) {
                return;
            }
            me.setTitle(PRS.Format.esc(`${PRS.Jobs.what(data, data.plan.method)}: ${data.user}`));
            me.down('#notice').setHtml(PRS.Format.esc(data.summary));
            me.down('#job').setHidden(false);
            me.down('#job').fill(data, empty);
            me.down('#nodes').setHidden(false);
            me.down('#nodes').fill(data.plan);
        } catch (err) {
            if (!me.destroyed) {
                me.down('#notice').setHtml(PRS.Format.bad(err.message));
            }
        }
    },
});
