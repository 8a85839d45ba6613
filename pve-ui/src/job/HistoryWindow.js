// Past and running jobs of all nodes: who, when, what moved, and how it ended.
Ext.define('PRS.HistoryWindow', {
    extend: 'Ext.window.Window',
    xtype: 'prsHistoryWindow',

    plugins: [{ ptype: 'prsaccessible' }],
    title: gettext('Rebalancing history'),
    iconCls: 'fa fa-history',
    modal: true,
    constrain: true,
    layout: { type: 'vbox', align: 'stretch' },

    controller: {
        xclass: 'Ext.app.ViewController',

        init: function (view) {
            PRS.Format.within(view, 1060, 560);
        },

        onShow: function () {
            this.lookup('jobs').setLoading(true);
            PRS.Poller.start(this.getView(), () => this.load(), 5000);
        },

        onOpen: function () {
            let [record] = this.lookup('jobs').getSelection();
            if (record) {
                Ext.create('PRS.JobWindow', { jobId: record.getId(), autoShow: true });
            }
        },

        onChosen: function (grid, chosen) {
            this.lookup('open').setDisabled(!chosen.length);
        },

        onClose: function () {
            this.getView().close();
        },

        load: async function () {
            let me = this;
            let notes;
            try {
                let path = '/jobs?limit=200';
                let { data, etag } = await PRS.Api.call('GET', path, undefined, me.etag);
                me.etag = etag;
                if (!data && !me.broken) {
                    return;
                }
                me.list = data || me.list;
                let silent = me.list.peers.filter((peer) => !peer.reached);
                notes = PRS.Notices.peers(silent.map((peer) => peer.message));
                me.broken = false;
            } catch (err) {
                me.broken = true;
                notes = [err.message];
            }
            if (!me.destroyed) {
                me.show(notes);
            }
        },

        show: function (notes) {
            let me = this;
            let box = me.lookup('notice');
            box.setHidden(!notes.length);
            PRS.Format.html(box, notes.map((note) => PRS.Format.warning(note)).join('<br>'));
            if (me.list) {
                me.lookup('jobs').setEmptyText(gettext('No jobs yet.'));
            }
            me.lookup('jobs').setLoading(false);
            let rows = ((me.list && me.list.jobs) || []).map((job) => me.row(job));
            PRS.Format.sync(me.lookup('jobs').getStore(), rows);
        },

        row: function (job) {
            let { done, steps } = job.progress;
            let took = job.ended && job.started ? PRS.Format.clock(job.ended - job.started) : '';
            let named = Ext.apply({ plan: { options: job.options } }, job);
            let what = PRS.Jobs.what(named, job.method);
            let why = job.failures.map((one) => `${PRS.Format.label(one)}: ${one.message}`);
            let own = { what: what, moved: `${done}/${steps}`, took: took, why: why.join('\n') };
            let [state] = PRS.Jobs.states()[job.state] || [job.state];
            let words = [job.user, what, state, job.host, job.summary, own.why];
            return Ext.apply(own, { find: words.join(' ').toLowerCase() }, job);
        },

        // What the list shows just now, with all that the service told of these jobs.
        onExport: function (item) {
            let shown = this.lookup('jobs').getStore().getRange();
            let known = new Map(((this.list && this.list.jobs) || []).map((job) => [job.id, job]));
            let jobs = shown.map((record) => known.get(record.getId())).filter(Boolean);
            PRS.HistoryExport.save(jobs, item.form);
        },
    },

    listeners: { afterrender: 'onShow' },

    items: [
        {
            xtype: 'component',
            reference: 'notice',
            hidden: true,
            padding: 10,
            userCls: 'pmx-hint',
        },
        {
            xtype: 'tabpanel',
            flex: 1,
            border: false,
            items: [
                {
                    xtype: 'grid',
                    reference: 'jobs',
                    title: gettext('Jobs'),
                    ariaLabel: gettext('Rebalancing history'),
                    plugins: [{ ptype: 'prsaccessible' }],
                    stateful: true,
                    stateId: 'grid-prs-history',
                    border: false,
                    enableColumnHide: false,
                    viewConfig: { trackOver: false, deferEmptyText: false },
                    tbar: {
                        border: false,
                        items: [
                            {
                                text: gettext('Export'),
                                iconCls: 'fa fa-download',
                                listeners: {
                                    // ExtJS names the menu before it is drawn; screen readers would look for it in vain.
                                    afterrender: (button) =>
                                        button.el.dom.removeAttribute('aria-owns'),
                                },
                                menu: [
                                    { text: 'CSV', form: 'csv', handler: 'onExport' },
                                    { text: 'JSON', form: 'json', handler: 'onExport' },
                                ],
                            },
                            '->',
                            { xtype: 'prsFilterField', emptyText: gettext('Filter') },
                        ],
                    },
                    store: {
                        fields: [
                            'id',
                            'created',
                            'user',
                            'what',
                            'state',
                            'moved',
                            'took',
                            'host',
                            'summary',
                            'why',
                            'find',
                        ],
                    },
                    columns: [
                        {
                            text: gettext('Time'),
                            dataIndex: 'created',
                            width: 125,
                            renderer: (value) => PRS.Format.when(value),
                        },
                        PRS.Columns.text(gettext('User name'), 'user', 110),
                        PRS.Columns.text(gettext('Action'), 'what', 150),
                        {
                            text: gettext('Result'),
                            dataIndex: 'state',
                            width: 130,
                            renderer: (value) => PRS.Jobs.state(value),
                        },
                        { text: gettext('Moved'), dataIndex: 'moved', width: 75, align: 'right' },
                        { text: gettext('Duration'), dataIndex: 'took', width: 80, align: 'right' },
                        PRS.Columns.text(gettext('Node'), 'host', 85),
                        PRS.Columns.text(gettext('Summary'), 'summary', undefined, {
                            flex: 5,
                            minWidth: 160,
                            cellWrap: true,
                            renderer: function (value, meta, record) {
                                let why = record.data.why.split('\n').filter(Boolean);
                                meta.tdAttr = PRS.Format.tip([value, ...why].join('\n'));
                                let lines = why.map((one) => PRS.Format.bad(one));
                                return [PRS.Format.esc(value), ...lines].join('<br>');
                            },
                        }),
                    ],
                    listeners: { itemdblclick: 'onOpen', selectionchange: 'onChosen' },
                },
                {
                    xtype: 'prsLoadsPanel',
                    title: gettext('Loads over time'),
                    // Outside of PVE's interface there is no chart of PVE's.
                    disabled: !Ext.ClassManager.get('Proxmox.widget.RRDChart'),
                },
            ],
        },
    ],

    buttons: [
        {
            ui: 'default-toolbar',
            text: gettext('Details'),
            reference: 'open',
            disabled: true,
            handler: 'onOpen',
        },
        { ui: 'default-toolbar', text: gettext('Close'), handler: 'onClose' },
    ],
});
