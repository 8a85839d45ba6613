// Every guest of a drain: where it goes and how, or in words why it cannot leave.
Ext.define('PRS.DrainGrid', {
    extend: 'Ext.grid.Panel',
    xtype: 'prsDrainGrid',

    border: false,
    enableColumnHide: false,
    viewConfig: { trackOver: false },

    store: {
        fields: ['id', 'vmid', 'name', 'kind', 'source', 'target', 'how', 'note'],
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
            { text: gettext('Target'), dataIndex: 'target', width: 90, renderer: PRS.Format.text },
            {
                text: gettext('How'),
                dataIndex: 'how',
                width: 130,
                renderer: function (value) {
                    let [words, look] = {
                        live: [gettext('live'), ''],
                        ha: [gettext('live, through HA'), ''],
                        offline: [gettext('offline (stopped)'), ''],
                        restart: [gettext('restart'), 'warning'],
                        stays: [gettext('stays'), ''],
                        blocked: [gettext('cannot move'), 'critical'],
                    }[value] || [value, ''];
                    return look ? `<span class="${look}">${words}</span>` : words;
                },
            },
            {
                text: gettext('Copy'),
                dataIndex: 'bytes',
                width: 85,
                align: 'right',
                renderer: (value) => (value ? PRS.Format.size(value) : ''),
            },
            {
                text: gettext('Note'),
                dataIndex: 'note',
                cellWrap: true,
                flex: 5,
                minWidth: 160,
                renderer: PRS.Format.text,
            },
        ];
        me.callParent();
    },

    fill: function (plan) {
        let row = (stay, how) => ({
            vmid: stay.vmid,
            name: stay.name,
            kind: stay.kind,
            how: how,
            note: stay.reason,
        });
        let blocked = new Set(plan.blockers.map((stay) => stay.vmid));
        let here = plan.stays.filter((stay) => stay.node === plan.node && !blocked.has(stay.vmid));
        let rows = [
            ...plan.blockers.map((stay) => row(stay, 'blocked')),
            ...plan.moves.map((move) => Ext.apply({ note: move.reason }, move)),
            ...here.map((stay) => row(stay, 'stays')),
        ];
        this.getStore().loadData(rows.map((row, index) => Ext.apply(row, { id: index + 1 })));
    },
});
