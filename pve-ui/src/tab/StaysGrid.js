// Guests that a plan leaves where they are: by the reason when they are many.
Ext.define('PRS.StaysGrid', {
    extend: 'Ext.grid.Panel',
    xtype: 'prsStaysGrid',

    border: false,
    plugins: [{ ptype: 'prssnug' }, { ptype: 'prsaccessible' }],

    // More than this are grouped by their reason.
    few: 25,

    collapsible: true,
    collapsed: true,
    titleCollapse: true,
    // A click into the list while it is still growing would be lost.
    animCollapse: false,
    stateful: true,
    stateId: 'grid-prs-stays',
    stateEvents: ['columnresize', 'columnmove', 'sortchange'],
    listeners: PRS.Jump.listeners(PRS.Jump.guest),
    enableColumnHide: false,
    tbar: { border: false, items: ['->', { xtype: 'prsFilterField' }] },
    viewConfig: { trackOver: false },

    features: [
        {
            ftype: 'grouping',
            id: 'byReason',
            startCollapsed: true,
            enableGroupingMenu: false,
            groupHeaderTpl: [
                '{[this.esc(values.name)]} ({children.length})',
                { esc: (text) => PRS.Format.esc(text) },
            ],
        },
    ],

    store: {
        fields: ['id', 'vmid', 'name', 'kind', 'node', 'reason', 'find'],
    },

    columns: [
        PRS.Columns.guest(),
        PRS.Columns.text(gettext('Node'), 'node', 100),
        PRS.Columns.words(gettext('Why'), 'reason'),
    ],

    fill: function (plan, cluster) {
        let me = this;
        let stays = plan ? plan.stays : [];
        let title = gettext('Guests that stay, and why ({0})');
        me.setTitle(Ext.String.format(title, stays.length));
        let store = me.getStore();
        if (stays.length > me.few) {
            store.group('reason');
        } else {
            store.clearGrouping();
        }
        me.down('#find').empty();
        let guests = PRS.FilterField.guests(cluster);
        let find = (stay) => PRS.FilterField.words(stay, guests.get(stay.vmid));
        store.loadData(stays.map((stay) => Ext.apply({ id: stay.vmid, find: find(stay) }, stay)));
        me.setVisible(stays.length > 0);
    },
});
