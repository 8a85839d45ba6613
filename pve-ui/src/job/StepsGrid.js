// The migrations of a job: how far each is, and a way to its task log.
Ext.define('PRS.StepsGrid', {
    extend: 'Ext.grid.Panel',
    xtype: 'prsStepsGrid',

    border: false,
    ariaLabel: gettext('Guests'),
    stateful: true,
    stateId: 'grid-prs-steps',
    enableColumnHide: false,
    sortableColumns: false,
    viewConfig: { trackOver: false },

    controller: {
        xclass: 'Ext.app.ViewController',

        open: function (record) {
            if (record.get('upid')) {
                PRS.Jobs.showTask(record.get('upid'));
            }
        },

        onDoubleClick: function (view, record) {
            this.open(record);
        },

        onKey: function (view, record, row, index, event) {
            if (event.getKey() === event.ENTER) {
                this.open(record);
            }
        },

        onCell: function (view, cell, column, record) {
            if (this.getView().getColumns()[column].dataIndex === 'upid') {
                this.open(record);
            }
        },

        renderState: function (value, meta, record) {
            let look = record.get('look');
            meta.tdAttr = PRS.Format.tip(value);
            return look ? PRS.Format[look](value) : PRS.Format.esc(value);
        },

        renderTask: function (value, meta) {
            meta.tdAttr = value ? PRS.Format.tip(gettext('Task log')) : '';
            meta.tdStyle = value ? 'cursor: pointer' : '';
            return value ? PRS.Format.icon('chevron-right', 'x-action-col-icon') : '';
        },
    },

    listeners: { itemdblclick: 'onDoubleClick', itemkeydown: 'onKey', cellclick: 'onCell' },

    store: {
        fields: [
            'id',
            'vmid',
            'name',
            'kind',
            'source',
            'target',
            'share',
            'look',
            'words',
            'upid',
        ],
    },

    columns: [
        PRS.Columns.guest(),
        PRS.Columns.text(gettext('From'), 'source', 80),
        PRS.Columns.text(gettext('To'), 'target', 80),
        {
            text: gettext('Progress'),
            dataIndex: 'share',
            width: 130,
            tdCls: 'x-progressbar-default-cell',
            renderer: (value, meta, record) => PRS.Format.bar(value, PRS.Format.label(record.data)),
        },
        PRS.Columns.words(gettext('State'), 'words', { flex: 4, renderer: 'renderState' }),
        {
            text: gettext('Task'),
            dataIndex: 'upid',
            width: 55,
            align: 'center',
            menuDisabled: true,
            renderer: 'renderTask',
        },
    ],

    fill: function (job) {
        let rows = job.steps.map((step) => {
            let [look, words] = PRS.StepWords.state(step);
            let own = { id: step.seq, share: PRS.StepWords.share(step), look: look, words: words };
            return Ext.apply({}, own, step);
        });
        PRS.Format.sync(this.getStore(), rows);
    },
});
