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
            { text: gettext('Node'), dataIndex: 'node', width: 100, renderer: PRS.Format.text },
            {
                text: gettext('Why'),
                dataIndex: 'reason',
                cellWrap: true,
                flex: 5,
                minWidth: 160,
                renderer: PRS.Format.text,
            },
        ];
        me.callParent();
    },

    fill: function (plan) {
        let stays = plan.stays;
        let title = gettext('Guests that stay, and why ({0})');
        this.setTitle(Ext.String.format(title, stays.length));
        this.getStore().loadData(stays.map((stay) => Ext.apply({ id: stay.vmid }, stay)));
    },
});
