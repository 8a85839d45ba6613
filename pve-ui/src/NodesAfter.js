// Memory of the nodes before and after a plan, without the drained one.
Ext.define('PRS.NodesAfter', {
    extend: 'Ext.grid.Panel',
    xtype: 'prsNodesAfter',

    beforeText: gettext('Now'),
    border: false,
    enableColumnHide: false,
    sortableColumns: false,
    viewConfig: { trackOver: false },

    store: {
        fields: ['id', 'before', 'after'],
    },

    initComponent: function () {
        let me = this;
        let bar = (text, field) => ({
            text: text,
            dataIndex: field,
            flex: 2,
            minWidth: 90,
            xtype: 'widgetcolumn',
            tdCls: 'x-progressbar-default-cell',
            widget: { xtype: 'prsBar' },
            onWidgetAttach: (column, widget, record) => {
                widget.el.set({ 'aria-label': `${record.getId()}: ${text}` });
            },
        });
        me.columns = [
            {
                itemId: 'name',
                text: gettext('Node'),
                dataIndex: 'id',
                flex: 1,
                minWidth: 100,
                renderer: PRS.Format.text,
            },
            bar(me.beforeText, 'before'),
            bar(gettext('After'), 'after'),
        ];
        me.callParent();
    },

    // `plan` needs `before`, `after` and `method`; `left` is the node to leave out.
    fill: function (plan, left) {
        let method = left || plan.method === 'all' ? 'memory' : plan.method;
        let label = Object.fromEntries(PRS.Format.methods())[method];
        let title = left ? gettext('Other nodes: {0}') : gettext('Nodes: {0}');
        this.down('#name').setText(Ext.String.format(title, label));
        let after = Object.fromEntries(plan.after.map((load) => [load.node, load]));
        let rows = plan.before
            .filter((load) => load.node !== left && after[load.node])
            .map((load) => ({
                id: load.node,
                before: load[method],
                after: after[load.node][method],
            }));
        PRS.Format.sync(this.getStore(), rows);
    },
});
