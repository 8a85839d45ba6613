// "Drain node" with its menu: the nodes, and below them the end of the drain for those that are kept empty.
// Fires `drain` with a node's name, `enddrain` with a node of /cluster.
Ext.define('PRS.DrainButton', {
    extend: 'Ext.button.Button',
    xtype: 'prsDrainButton',

    // More nodes than this are chosen in a window of their own.
    menuNodes: 12,

    text: gettext('Drain node'),
    iconCls: 'fa fa-fw fa-sign-out',
    disabled: true,
    menu: { items: [] },

    listeners: {
        // ExtJS names the menu before it is drawn; screen readers would look for it in vain.
        afterrender: (button) => button.el.dom.removeAttribute('aria-owns'),
    },

    fill: function (cluster, may) {
        let me = this;
        PRS.Format.gate(me, may.plan, gettext('Move all guests of a node away'));
        let { nodes } = cluster;
        let listed = nodes.map((node) => [node.name, node.online, node.ha, !!node.held]).join();
        if (listed === me.listed) {
            return;
        }
        me.listed = listed;
        let drained = nodes.filter((node) => node.held || node.ha === 'maintenance');
        let others = nodes.filter((node) => !node.held);
        let items =
            others.length > me.menuNodes
                ? [me.chooseItem(others)]
                : others.map((node) => me.drainItem(node));
        items.push(...drained.map((node) => me.endItem(node, may)));
        let menu = me.getMenu();
        menu.removeAll();
        menu.add(items);
    },

    drainItem: function (node) {
        return {
            text: PRS.Format.esc(node.name),
            iconCls: 'fa fa-fw fa-building',
            disabled: !node.online,
            handler: () => this.fireEvent('drain', node.name),
        };
    },

    chooseItem: function (nodes) {
        let chosen = (picker, name) => this.fireEvent('drain', name);
        return {
            text: gettext('Choose a node'),
            iconCls: 'fa fa-fw fa-building',
            handler: () =>
                Ext.create('PRS.NodePicker', {
                    names: nodes.filter((node) => node.online).map((node) => node.name),
                    autoShow: true,
                    listeners: { chosen: chosen },
                }),
        };
    },

    endItem: function (node, may) {
        let words = node.held
            ? gettext('End drain of {0}')
            : gettext('End HA maintenance mode of {0}');
        let right = !node.held || node.held.maintenance ? may.maintenance : may.drain;
        return {
            text: PRS.Format.esc(Ext.String.format(words, node.name)),
            iconCls: 'fa fa-fw fa-unlock',
            disabled: !right.allowed,
            tooltip: PRS.Format.esc(right.reason),
            handler: () => this.fireEvent('enddrain', node),
        };
    },
});
