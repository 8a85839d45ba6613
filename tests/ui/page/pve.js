/*
 * Small stand-ins of the classes of PVE's interface that the panel hangs into or opens, with their names, their order of calls and
 * their failures (a duplicate id throws). Own code; the real ones are used outside of this tree.
 */
window.gettext = (text) => text;

window.Proxmox = {
    Setup: { auth_cookie_name: 'PVEAuthCookie' },
    defaultLang: (window.test || {}).lang || 'en',
    UserName: (window.test || {}).user || '',
    CSRFPreventionToken: (window.test || {}).csrf || '',
};

Ext.define('Proxmox.window.TaskViewer', {
    extend: 'Ext.window.Window',
    width: 500,
    height: 300,
    initComponent: function () {
        this.title = 'Task viewer';
        this.html = Ext.htmlEncode(this.upid);
        this.callParent();
    },
});

Ext.define('PVE.form.CalendarEvent', {
    extend: 'Ext.form.field.ComboBox',
    xtype: 'pveCalendarEvent',
    editable: true,
    valueField: 'value',
    queryMode: 'local',
    store: { fields: ['value', 'text'], data: [{ value: '21:00', text: 'Every day 21:00' }] },
    displayTpl: ['<tpl for=".">', '{value}', '</tpl>'],
});

// A line for each field over a field `time`; as PVE's, it cannot be without a store and fields.
Ext.define('Proxmox.widget.RRDChart', {
    extend: 'Ext.chart.CartesianChart',
    alias: 'widget.proxmoxRRDChart',
    width: 770,
    height: 300,
    animation: false,
    interactions: [{ type: 'crosszoom' }],
    legend: { type: 'dom' },
    axes: [
        { type: 'numeric', position: 'left', grid: true, minimum: 0 },
        { type: 'time', position: 'bottom', grid: true, fields: ['time'] },
    ],
    initComponent: function () {
        let me = this;
        if (!me.store || !me.fields) {
            throw new Error('cannot work without store and fields');
        }
        me.callParent();
        me.axes[0].setTitle(me.unit === 'percent' ? '%' : '');
        let lines = me.fields.map((field, index) => ({
            type: 'line',
            xField: 'time',
            yField: field,
            title: me.fieldTitles[index],
            fill: true,
            style: { lineWidth: 1.5, opacity: 0.6 },
        }));
        me.setSeries(lines);
    },
});

Ext.define('PVE.Utils', {
    singleton: true,
    isStandaloneNode: () => false,
});

Ext.define('PVE.panel.Config', {
    extend: 'Ext.panel.Panel',
    layout: 'card',
    border: false,

    dockedItems: [
        {
            xtype: 'treelist',
            dock: 'left',
            // In a frame as PVE's own, tree and menu take 505 pixels of the page's width.
            width: (window.test || {}).frame === 'pve' ? 195 : 180,
            itemId: 'menu',
            expanderOnly: true,
        },
        { xtype: 'toolbar', dock: 'top', itemId: 'toolbar', overflowHandler: 'scroller' },
    ],

    initComponent: function () {
        let me = this;
        let remembered = (/=([a-z-]+)$/.exec(window.location.hash) || [])[1];
        let tbar = [{ xtype: 'tbtext', text: me.pveSelNode.data.text }, '->', ...(me.tbar || [])];
        delete me.tbar;
        me.helpButton = Ext.create('Ext.button.Button', { text: 'Help' });
        me.dockedItems = Ext.clone(me.dockedItems);
        me.dockedItems[1].items = [...tbar, me.helpButton];
        me.savedItems = {};
        me.store = Ext.create('Ext.data.TreeStore', { root: { expanded: true } });
        me.insertNodes(me.items);
        delete me.items;
        me.callParent();
        let menu = me.down('#menu');
        menu.setStore(me.store);
        let root = me.store.getRoot();
        menu.on('selectionchange', (list, chosen) => chosen && me.activateCard(chosen.data.id));
        let first = (remembered && root.findChild('id', remembered, true)) || root.firstChild;
        for (let node = first.parentNode; node; node = node.parentNode) {
            node.expand();
        }
        menu.setSelection(first);
    },

    insertNodes: function (items) {
        let me = this;
        items.forEach((item) => {
            if (me.savedItems[item.itemId]) {
                throw new Error(`itemId ${item.itemId} already exists`);
            }
            let parent = me.store.getRoot();
            while (item.groups && item.groups.length) {
                parent = parent.findChild('id', item.groups.shift());
                parent.set({ leaf: false, expanded: true });
            }
            let node = { id: item.itemId, text: item.title, iconCls: item.iconCls, leaf: true };
            parent.appendChild(node);
            item.header = false;
            me.savedItems[item.itemId] = item;
        });
    },

    activateCard: function (id) {
        let me = this;
        let old = me.getLayout().getActiveItem();
        let card = me.add(Ext.apply({ pveSelNode: me.pveSelNode, border: 0 }, me.savedItems[id]));
        if (old) {
            me.setActiveItem(card);
            me.remove(old, true);
        }
        window.location.hash = `#v1:0:18:4:::::::=${id}`;
    },
});

Ext.define('PVE.dc.Config', {
    extend: 'PVE.panel.Config',
    initComponent: function () {
        let me = this;
        me.items = [
            {
                xtype: 'panel',
                itemId: 'search',
                title: 'Search',
                iconCls: 'fa fa-search',
                html: 'Search',
            },
        ];
        if (Ext.state.Manager.get('GuiCap').dc['Sys.Audit']) {
            me.items.push(
                {
                    xtype: 'panel',
                    itemId: 'ha',
                    title: 'HA',
                    iconCls: 'fa fa-heartbeat',
                    html: 'HA',
                },
                {
                    xtype: 'panel',
                    itemId: 'ha-rules',
                    title: 'Affinity Rules',
                    groups: ['ha'],
                    html: 'Rules',
                },
                {
                    xtype: 'panel',
                    itemId: 'ha-fencing',
                    title: 'Fencing',
                    groups: ['ha'],
                    html: 'Fencing',
                },
                { xtype: 'panel', itemId: 'support', title: 'Support', html: 'Support' },
            );
        }
        me.callParent();
    },
});

Ext.define('PVE.node.Config', {
    extend: 'PVE.panel.Config',
    initComponent: function () {
        let me = this;
        me.tbar = [{ text: 'Reboot' }, { text: 'Shutdown' }, { text: 'Bulk Actions' }];
        me.items = [{ xtype: 'panel', itemId: 'summary', title: 'Summary', html: 'Summary' }];
        me.callParent();
    },
});

Ext.define('PVE.node.CmdMenu', {
    extend: 'Ext.menu.Menu',
    initComponent: function () {
        let me = this;
        me.items = [
            { text: 'Bulk Start', itemId: 'bulkstart' },
            { text: 'Bulk Migrate', itemId: 'bulkmigrate' },
            { xtype: 'menuseparator' },
            { text: 'Shell', itemId: 'shell' },
        ];
        me.callParent();
    },
});

// A guest's own menu as PVE has it: the entry to migrate bears no id.
for (let kind of ['qemu', 'lxc']) {
    Ext.define(`PVE.${kind}.CmdMenu`, {
        extend: 'Ext.menu.Menu',
        initComponent: function () {
            let me = this;
            me.items = [
                { text: 'Shutdown', iconCls: 'fa fa-fw fa-power-off' },
                { text: 'Migrate', iconCls: 'fa fa-fw fa-send-o' },
                { text: 'Clone', iconCls: 'fa fa-fw fa-clone' },
            ];
            me.callParent();
        },
    });
}

Ext.define('PVE.window.Migrate', {
    extend: 'Ext.window.Window',
    width: 400,
    initComponent: function () {
        this.title = Ext.htmlEncode(`Migrate VM ${this.vmid}`);
        this.items = [{ xtype: 'textfield', name: 'target', fieldLabel: 'Target node' }];
        this.callParent();
    },
});

Ext.define('PVE.StdWorkspace', {
    extend: 'Ext.container.Viewport',
    xtype: 'pveStdWorkspace',
    layout: 'border',
    initComponent: function () {
        let me = this;
        let caps = (window.test || {}).caps || {
            dc: { 'Sys.Audit': 1 },
            vms: { 'VM.Migrate': 1 },
            nodes: { 'Sys.PowerMgmt': 1, 'Sys.Audit': 1 },
        };
        let provider = Ext.create('Ext.state.LocalStorageProvider', { prefix: 'ext-pve-' });
        Ext.state.Manager.setProvider(provider);
        Ext.state.Manager.set('GuiCap', caps);
        Ext.tip.QuickTipManager.init();
        let node = (name) => ({ text: name, id: `node/${name}`, node: name, leaf: true });
        me.items = [
            {
                region: 'west',
                xtype: 'treepanel',
                itemId: 'tree',
                width: { pve: 310, none: 0 }[(window.test || {}).frame] ?? 180,
                store: {
                    fields: ['node'],
                    root: {
                        text: 'Datacenter',
                        id: 'root',
                        expanded: true,
                        children: ['pve1', 'pve2', 'pve3'].map(node),
                    },
                },
                listeners: {
                    select: (tree, record) => me.show(record),
                    itemcontextmenu: (tree, record, item, index, event) => {
                        event.stopEvent();
                        if (record.data.node) {
                            let menu = { nodename: record.data.node, pveSelNode: record };
                            Ext.create('PVE.node.CmdMenu', menu).showAt(event.getXY());
                        }
                    },
                },
            },
            { region: 'center', xtype: 'panel', itemId: 'content', layout: 'fit', border: false },
        ];
        me.callParent();
        let tree = me.down('#tree');
        tree.setSelection(tree.getRootNode());
        Ext.on('resize', () =>
            Ext.ComponentQuery.query('window[modal]').forEach((one) => one.alignTo(me, 'c-c')),
        );
    },
    selectById: function (id) {
        let tree = this.down('#tree');
        let node = tree.getRootNode().findChild('id', id, true);
        document.title = `selected ${id}`;
        if (node) {
            tree.setSelection(node);
        }
    },
    show: function (record) {
        let content = this.down('#content');
        content.removeAll();
        content.add(
            Ext.create(record.data.node ? 'PVE.node.Config' : 'PVE.dc.Config', {
                pveSelNode: record,
            }),
        );
    },
});
