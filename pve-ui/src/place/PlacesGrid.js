// The nodes as places for one guest or several, the best first, with what each would be like then.
Ext.define('PRS.PlacesGrid', {
    extend: 'Ext.grid.Panel',
    xtype: 'prsPlacesGrid',

    border: false,
    ariaLabel: gettext('Nodes'),
    plugins: [{ ptype: 'prsaccessible' }],
    stateful: true,
    stateId: 'grid-prs-places',
    stateEvents: ['columnresize', 'columnmove'],
    listeners: PRS.Jump.listeners((row) => `node/${row.node}`),
    enableColumnHide: false,
    sortableColumns: false,
    viewConfig: { trackOver: false },

    features: [
        {
            ftype: 'grouping',
            enableGroupingMenu: false,
            groupHeaderTpl: ['{[this.esc(values.name)]}', { esc: (text) => PRS.Format.esc(text) }],
        },
    ],

    controller: {
        xclass: 'Ext.app.ViewController',

        renderRank: (value) => (value ? String(value) : '-'),

        renderFail: function (value, meta, record) {
            if (value === null || !record.data.rank) {
                return '';
            }
            return value ? PRS.Format.good(gettext('yes')) : PRS.Format.warning(gettext('no'));
        },

        renderSpread: (value, meta, record) => (record.data.rank ? PRS.Format.points(value) : ''),
    },

    store: {
        fields: ['id', 'guest', 'node', 'rank', 'memory', 'cpu', 'spread', 'headroom', 'reason'],
    },

    columns: [
        {
            text: gettext('Rank'),
            dataIndex: 'rank',
            width: 75,
            align: 'right',
            renderer: 'renderRank',
        },
        PRS.Columns.text(gettext('Node'), 'node', 110),
        PRS.Columns.load(gettext('Memory'), 'memory'),
        PRS.Columns.load(gettext('CPU'), 'cpu'),
        {
            text: gettext('Spread'),
            dataIndex: 'spread',
            width: 95,
            align: 'right',
            renderer: 'renderSpread',
        },
        {
            text: gettext('A node may fail'),
            dataIndex: 'headroom',
            width: 170,
            renderer: 'renderFail',
        },
        PRS.Columns.words(gettext('Why'), 'reason'),
    ],

    // A placement as the service gives it.
    fill: function (found) {
        let store = this.getStore();
        let rows = found.guests.flatMap((guest) =>
            guest.candidates.map((one) =>
                Ext.apply({ id: `${guest.name} ${one.node}`, guest: guest.name }, one),
            ),
        );
        if (found.guests.length > 1) {
            store.group('guest');
        } else {
            store.clearGrouping();
        }
        store.loadData(rows);
    },
});
