// The migrations of a job: how far each is, and a way to its task log.
Ext.define('PRS.StepsGrid', {
    extend: 'Ext.grid.Panel',
    xtype: 'prsStepsGrid',

    border: false,
    enableColumnHide: false,
    sortableColumns: false,
    viewConfig: { trackOver: false },

    store: {
        fields: ['id', 'vmid', 'name', 'kind', 'source', 'target', 'share', 'state', 'upid'],
    },

    initComponent: function () {
        let me = this;
        me.columns = [
            {
                text: gettext('Guest'),
                dataIndex: 'vmid',
                flex: 2,
                minWidth: 120,
                renderer: PRS.Format.guest,
            },
            { text: gettext('From'), dataIndex: 'source', width: 80, renderer: PRS.Format.text },
            { text: gettext('To'), dataIndex: 'target', width: 80, renderer: PRS.Format.text },
            {
                text: gettext('Progress'),
                dataIndex: 'share',
                width: 150,
                xtype: 'widgetcolumn',
                tdCls: 'x-progressbar-default-cell',
                widget: { xtype: 'prsBar', warningThreshold: 2, criticalThreshold: 2 },
                onWidgetAttach: (column, widget, record) => {
                    widget.el.set({ 'aria-label': PRS.Format.label(record.data) });
                },
            },
            {
                text: gettext('State'),
                dataIndex: 'state',
                cellWrap: true,
                flex: 4,
                minWidth: 160,
                renderer: function (value, meta, record) {
                    let [look, words] = me.describe(record.data);
                    meta.tdAttr = PRS.Format.tip(words);
                    return look ? PRS.Format[look](words) : PRS.Format.esc(words);
                },
            },
            {
                text: gettext('Task'),
                dataIndex: 'upid',
                width: 55,
                align: 'center',
                menuDisabled: true,
                renderer: function (value, meta) {
                    meta.tdAttr = value ? PRS.Format.tip(gettext('Task log')) : '';
                    meta.tdStyle = value ? 'cursor: pointer' : '';
                    return value ? PRS.Format.icon('chevron-right', 'x-action-col-icon') : '';
                },
            },
        ];
        me.callParent();
        let open = (record) => record.data.upid && PRS.Jobs.showTask(record.data);
        me.on({
            itemdblclick: (view, record) => open(record),
            itemkeydown: (view, record, row, index, event) =>
                event.getKey() === event.ENTER && open(record),
            cellclick: (view, cell, column, record) =>
                me.getColumns()[column].dataIndex === 'upid' && open(record),
        });
    },

    fill: function (job) {
        let rows = job.steps.map((step) => {
            let share = step.total > 0 ? Math.min(step.done / step.total, 0.99) : 0;
            // HA's task ends when the order is given: how far HA is then, nobody knows.
            let ends = { done: 1, verifying: step.ha ? 0 : 0.99 };
            return Ext.apply({ id: step.seq, share: ends[step.state] || share }, step);
        });
        PRS.Format.sync(this.getStore(), rows);
    },

    // [look, words]
    describe: function (step) {
        let message = step.message ? `: ${step.message}` : '';
        let took = PRS.Format.clock(step.ended - step.started);
        switch (step.state) {
            case 'planned':
                return ['', step.message || gettext('waiting')];
            case 'starting':
                return ['busy', gettext('starting')];
            case 'running':
                return ['', this.speed(step)];
            case 'verifying':
                if (step.ha) {
                    return [
                        'busy',
                        Ext.String.format(gettext('HA is moving it to {0}'), step.target),
                    ];
                }
                return [
                    'busy',
                    Ext.String.format(gettext('waiting to see it on {0}'), step.target),
                ];
            case 'done': {
                // Without a start it was HA that moved it on its own.
                let seen = Ext.String.format(gettext('seen on {0}'), step.target);
                let after = Ext.String.format(gettext('after {0}'), took);
                return ['good', step.started ? `${seen} ${after}` : seen + message];
            }
            case 'failed':
                return ['bad', gettext('failed') + message];
            case 'unknown':
                return ['bad', gettext('outcome unknown') + message];
            default:
                return ['warning', gettext(step.state) + message];
        }
    },

    speed: function (step) {
        if (!step.total) {
            return gettext('migrating');
        }
        let parts = [
            Ext.String.format(
                gettext('{0} of {1}'),
                PRS.Format.size(step.done),
                PRS.Format.size(step.total),
            ),
        ];
        if (step.speed > 0) {
            parts.push(`${PRS.Format.size(step.speed)}/s`);
        }
        if (step.seconds_left !== null) {
            parts.push(Ext.String.format(gettext('{0} left'), PRS.Format.clock(step.seconds_left)));
        }
        return parts.join(', ');
    },
});
