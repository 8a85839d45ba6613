// "Drain node" with its menu: every node, and below them the way back for those that are kept empty.
Ext.define('PRS.DrainButton', {
    extend: 'Ext.button.Button',
    xtype: 'prsDrainButton',

    text: gettext('Drain node'),
    iconCls: 'fa fa-fw fa-sign-out',
    disabled: true,
    menu: { items: [] },

    // Fires `drain` with a node's name, `release` with a node.
    fill: function (cluster, may) {
        let me = this;
        PRS.Format.gate(me, may.plan, gettext('Move all guests of a node away'));
        let { nodes } = cluster;
        let listed = nodes.map((node) => [node.name, node.online, node.ha, !!node.held]).join();
        if (listed === me.listed) {
            return;
        }
        me.listed = listed;
        let kept = nodes.filter((node) => node.held || node.ha === 'maintenance');
        let menu = me.getMenu();
        menu.removeAll();
        menu.add([
            ...nodes.map((node) => me.drainItem(node)),
            ...kept.map((node) => me.releaseItem(node, may)),
        ]);
    },

    drainItem: function (node) {
        return {
            text: PRS.Format.esc(node.name),
            iconCls: 'fa fa-fw fa-building',
            disabled: !node.online,
            handler: () => this.fireEvent('drain', node.name),
        };
    },

    releaseItem: function (node, may) {
        let words = node.held
            ? gettext('Let guests onto {0} again')
            : gettext('End HA maintenance mode of {0}');
        let right = !node.held || node.held.maintenance ? may.maintenance : may.drain;
        return {
            text: Ext.String.format(words, PRS.Format.esc(node.name)),
            iconCls: 'fa fa-fw fa-unlock',
            disabled: !right.allowed,
            tooltip: PRS.Format.esc(right.reason),
            handler: () => this.fireEvent('release', node),
        };
    },
});
