// Past and running jobs of all nodes: who, when, what moved, and how it ended.
Ext.define('PRS.HistoryWindow', {
    extend: 'Ext.window.Window',
    xtype: 'prsHistoryWindow',

    title: gettext('Rebalancing history'),
    iconCls: 'fa fa-history',
    modal: true,
    constrain: true,
    layout: { type: 'vbox', align: 'stretch' },

    initComponent: function () {
        let me = this;
        me.width = Math.min(960, Ext.Element.getViewportWidth() - 20);
        me.height = Math.min(560, Ext.Element.getViewportHeight() - 20);
        let text = (label, field, width) => ({
            text: label,
            dataIndex: field,
            [width < 20 ? 'flex' : 'width']: width,
            minWidth: 80,
            renderer: PRS.Format.text,
        });
        me.items = [
            {
                xtype: 'component',
                itemId: 'notice',
                hidden: true,
                padding: 10,
                userCls: 'pmx-hint',
            },
            {
                xtype: 'grid',
                itemId: 'jobs',
                flex: 1,
                border: false,
                enableColumnHide: false,
                emptyText: gettext('No jobs yet.'),
                viewConfig: { trackOver: false, deferEmptyText: false },
                store: {
                    fields: ['id', 'created', 'user', 'what', 'state', 'moved', 'took', 'host'],
                },
                columns: [
                    {
                        text: gettext('Time'),
                        dataIndex: 'created',
                        width: 125,
                        renderer: (value) => PRS.Format.when(value),
                    },
                    text(gettext('User name'), 'user', 110),
                    text(gettext('Action'), 'what', 150),
                    {
                        text: gettext('Result'),
                        dataIndex: 'state',
                        width: 130,
                        renderer: (value, meta, record) => PRS.Jobs.state(record.data),
                    },
                    { text: gettext('Moved'), dataIndex: 'moved', width: 75, align: 'right' },
                    { text: gettext('Duration'), dataIndex: 'took', width: 80, align: 'right' },
                    text(gettext('Node'), 'host', 90),
                    text(gettext('Summary'), 'summary', 5),
                ],
                listeners: {
                    itemdblclick: (grid, record) => me.open(record),
                    selectionchange: (grid, chosen) => me.down('#open').setDisabled(!chosen.length),
                },
            },
        ];
        me.buttons = [
            {
                text: gettext('Details'),
                itemId: 'open',
                disabled: true,
                handler: () => me.open(me.down('#jobs').getSelection()[0]),
            },
            { text: gettext('Close'), handler: () => me.close() },
        ];
        me.poller = Ext.create('PRS.Poller', { run: () => me.load(), interval: 5000 });
        me.callParent();
        me.on('afterrender', () => me.poller.start());
        me.on('destroy', () => me.poller.stop());
    },

    open: function (record) {
        Ext.create('PRS.JobWindow', { jobId: record.getId(), autoShow: true });
    },

    load: async function () {
        let me = this;
        let notes = [];
        try {
            let { jobs, peers } = await PRS.Api.get('/jobs?limit=200');
            let rows = jobs.map((job) =>
                Ext.apply(
                    {},
                    {
                        what: PRS.Jobs.what(job),
                        moved: `${job.progress.done}/${job.progress.steps}`,
                        took:
                            job.ended && job.started
                                ? PRS.Format.clock(job.ended - job.started)
                                : '',
                    },
                    job,
                ),
            );
            notes = peers.filter((peer) => !peer.reached).map((peer) => peer.message);
            if (!me.destroyed) {
                PRS.Format.sync(me.down('#jobs').getStore(), rows);
            }
        } catch (err) {
            notes = [err.message];
        }
        if (!me.destroyed) {
            let box = me.down('#notice');
            box.setHidden(!notes.length);
            box.setHtml(notes.map((note) => PRS.Format.warning(note)).join('<br>'));
        }
    },
});
