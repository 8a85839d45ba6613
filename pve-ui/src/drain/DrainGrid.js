// Every guest of a drain: where it goes and how, or in words why it cannot leave. Fires `retarget` as the plan's list.
Ext.define('PRS.DrainGrid', {
    extend: 'Ext.grid.Panel',
    xtype: 'prsDrainGrid',

    border: false,
    stateful: true,
    stateId: 'grid-prs-drain',
    listeners: PRS.Jump.listeners(PRS.Jump.guest),
    plugins: [{ ptype: 'prsretarget' }, { ptype: 'prsaccessible' }],
    ariaLabel: gettext('Guests'),
    tbar: { border: false, items: ['->', { xtype: 'prsFilterField' }] },
    enableColumnHide: false,
    viewConfig: { trackOver: false },

    controller: {
        xclass: 'Ext.app.ViewController',

        renderHow: function (value, meta) {
            let [words, look] = {
                live: [gettext('live'), ''],
                ha: [gettext('live, through HA'), ''],
                offline: [gettext('offline (stopped)'), ''],
                restart: [gettext('restart'), 'warning'],
                stays: [gettext('stays'), ''],
                blocked: [gettext('cannot move'), 'bad'],
            }[value] || [value, ''];
            meta.tdAttr = PRS.Format.tip(words);
            return look ? PRS.Format[look](words) : PRS.Format.esc(words);
        },
    },

    store: {
        fields: [
            'id',
            'vmid',
            'name',
            'kind',
            'target',
            'bytes',
            'how',
            'note',
            'source',
            'node',
            'find',
        ],
    },

    columns: [
        PRS.Columns.guest(),
        PRS.Columns.target(gettext('Target'), 100),
        { text: gettext('How'), dataIndex: 'how', width: 150, renderer: 'renderHow' },
        PRS.Columns.copy(),
        PRS.Columns.words(gettext('Note'), 'note'),
    ],

    fill: function (plan, cluster) {
        let row = (guest, how, note) => Ext.apply({}, { how: how, note: note }, guest);
        let blocked = new Set(plan.blockers.map((stay) => stay.vmid));
        let here = plan.stays.filter((stay) => stay.node === plan.node && !blocked.has(stay.vmid));
        let rows = [
            ...plan.blockers.map((stay) => row(stay, 'blocked', stay.reason)),
            ...plan.moves.map((move) => row(move, move.how, move.reason)),
            ...here.map((stay) => row(stay, 'stays', stay.reason)),
        ];
        let guests = PRS.FilterField.guests(cluster);
        let find = (row) => PRS.FilterField.words(row, guests.get(row.vmid));
        this.offered = cluster.nodes.filter((node) => node.online).map((node) => node.name);
        this.down('#find').empty();
        this.getStore().loadData(
            rows.map((row, index) => Ext.apply(row, { id: index + 1, find: find(row) })),
        );
    },
});
