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
        ],
    },

    initComponent: function () {
        let me = this;
        me.columns = [
            {
                xtype: 'checkcolumn',
                dataIndex: 'take',
                text: '',
                width: 36,
                menuDisabled: true,
                tooltip: gettext('Untick what shall stay'),
                listeners: {
                    checkchange: (column, index, checked) => me.onTick(index, checked),
                },
            },
            {
                text: gettext('Guest'),
                dataIndex: 'vmid',
                flex: 2,
                minWidth: 120,
                renderer: PRS.Format.guest,
            },
            { text: gettext('From'), dataIndex: 'source', width: 90, renderer: PRS.Format.text },
            { text: gettext('To'), dataIndex: 'target', width: 90, renderer: PRS.Format.text },
            {
                text: gettext('Copy'),
                dataIndex: 'bytes',
                width: 85,
                align: 'right',
                renderer: (value) => PRS.Format.size(value),
            },
            {
                text: gettext('Time'),
                dataIndex: 'seconds',
                width: 65,
                align: 'right',
                renderer: (value) => PRS.Format.clock(value),
            },
            {
                text: gettext('Why'),
                dataIndex: 'reason',
                cellWrap: true,
                flex: 5,
                minWidth: 160,
                renderer: function (value, meta, record) {
                    let how = {
                        restart: gettext('restarts the container'),
                        ha: gettext('through HA'),
                    };
                    let words = [record.data.reason, how[record.data.how]]
                        .filter(Boolean)
                        .join('; ');
                    return PRS.Format.text(words, meta);
                },
            },
        ];
        me.callParent();
    },

    fill: function (plan) {
        let me = this;
        me.skip = new Set();
        me.getStore().loadData(
            plan.moves.map((move, index) => Ext.apply({ id: index + 1, take: true }, move)),
        );
    },

    // A guest that is moved twice (over a parking place) is one decision.
    onTick: function (index, checked) {
        let me = this;
        let vmid = me.getStore().getAt(index).get('vmid');
        me.getStore().each((record) => {
            if (record.get('vmid') === vmid) {
                record.set('take', checked, { commit: true });
            }
        });
        if (checked) {
            me.skip.delete(vmid);
        } else {
            me.skip.add(vmid);
        }
        me.fireEvent('ticked', me, me.skip);
    },
});
