// Guests that cannot leave their nodes: each may be shut down while its node is serviced, if that is ticked for it.
Ext.define('PRS.RidesGrid', {
    extend: 'Ext.grid.Panel',
    xtype: 'prsRides',

    border: false,
    title: gettext('Guests that cannot move'),
    plugins: [{ ptype: 'prsaccessible' }, { ptype: 'prssnug', most: 170 }],
    enableColumnHide: false,
    sortableColumns: false,
    hidden: true,
    viewConfig: { trackOver: false, markDirty: false },

    controller: {
        xclass: 'Ext.app.ViewController',

        onTicked: function () {
            let view = this.getView();
            view.fireEvent('changed', view);
        },
    },

    store: { fields: ['id', 'vmid', 'name', 'kind', 'node', 'reason', 'ride'] },

    columns: [
        PRS.Columns.tick(
            gettext('Shut down meanwhile'),
            'ride',
            'onTicked',
            (row) => PRS.Format.label(row.data),
            { width: 200 },
        ),
        PRS.Columns.guest({ width: 180 }),
        PRS.Columns.text(gettext('Node'), 'node', 120),
        PRS.Columns.words(gettext('Why'), 'reason'),
    ],

    // The turns of a dry run: what is in their way, and what would be shut down.
    fill: function (turns) {
        let rows = turns.flatMap((turn) => [
            ...turn.blockers.map((stay) => ({ ...stay, id: stay.vmid, ride: false })),
            ...turn.rides.map((stay) => ({ ...stay, id: stay.vmid, ride: true })),
        ]);
        rows.sort((one, other) => one.vmid - other.vmid);
        this.setHidden(!rows.length);
        PRS.Format.sync(this.getStore(), rows);
    },

    // The ticked guests of these nodes.
    rides: function (nodes) {
        let rows = this.getStore().getRange();
        let ticked = rows.filter((row) => row.get('ride') && nodes.includes(row.get('node')));
        return ticked.map((row) => row.data);
    },
});
