// The planned migrations; unticking a guest leaves it where it is. Fires `ticked` with the Set of vmids that stay.
Ext.define('PRS.PlanGrid', {
    extend: 'Ext.grid.Panel',
    xtype: 'prsPlanGrid',

    title: gettext('Planned migrations, in this order'),
    border: false,
    collapsible: true,
    maxHeight: 420,
    enableColumnHide: false,
    sortableColumns: false,
    viewConfig: { trackOver: false },

    controller: {
        xclass: 'Ext.app.ViewController',

        // A guest that is moved twice (over a parking place) is one decision.
        onTick: function (column, index, checked) {
            let view = this.getView();
            let vmid = view.getStore().getAt(index).get('vmid');
            view.getStore().each((record) => {
                if (record.get('vmid') === vmid) {
                    record.set('take', checked, { commit: true });
                }
            });
            view.skip[checked ? 'delete' : 'add'](vmid);
            view.fireEvent('ticked', view, view.skip);
        },

        renderWhy: function (value, meta, record) {
            let how = {
                restart: gettext('restarts the container'),
                ha: gettext('through HA'),
            }[record.get('how')];
            return PRS.Format.text([value, how].filter(Boolean).join('; '), meta);
        },
    },

    store: {
        fields: [
            'id',
            'take',
            'vmid',
            'name',
            'kind',
            'source',
            'target',
            'bytes',
            'seconds',
            'how',
            'reason',
        ],
    },

    columns: [
        {
            xtype: 'checkcolumn',
            dataIndex: 'take',
            text: '',
            width: 36,
            menuDisabled: true,
            tooltip: gettext('Untick what shall stay'),
            listeners: { checkchange: 'onTick' },
        },
        PRS.Columns.guest(),
        PRS.Columns.text(gettext('From'), 'source', 90),
        PRS.Columns.text(gettext('To'), 'target', 90),
        PRS.Columns.copy(),
        {
            text: gettext('Time'),
            dataIndex: 'seconds',
            width: 65,
            align: 'right',
            renderer: (value) => PRS.Format.clock(value),
        },
        PRS.Columns.words(gettext('Why'), 'reason', { renderer: 'renderWhy' }),
    ],

    // Without a plan, or one without migrations, there is nothing to see.
    fill: function (plan) {
        let me = this;
        let moves = plan ? plan.moves : [];
        me.skip = new Set();
        let row = (move, index) => Ext.apply({ id: index + 1, take: true }, move);
        me.getStore().loadData(moves.map(row));
        me.setVisible(moves.length > 0);
    },
});
