// Guests that a plan leaves where they are, and why.
Ext.define('PRS.StaysGrid', {
    extend: 'Ext.grid.Panel',
    xtype: 'prsStaysGrid',

    border: false,
    collapsible: true,
    collapsed: true,
    titleCollapse: true,
    maxHeight: 420,
    enableColumnHide: false,
    viewConfig: { trackOver: false },

    store: {
        fields: ['id', 'vmid', 'name', 'kind', 'node', 'reason'],
    },

    columns: [
        PRS.Columns.guest(),
        PRS.Columns.text(gettext('Node'), 'node', 100),
        PRS.Columns.words(gettext('Why'), 'reason'),
    ],

    fill: function (plan) {
        let stays = plan ? plan.stays : [];
        let title = gettext('Guests that stay, and why ({0})');
        this.setTitle(Ext.String.format(title, stays.length));
        this.getStore().loadData(stays.map((stay) => Ext.apply({ id: stay.vmid }, stay)));
        this.setVisible(stays.length > 0);
    },
});
