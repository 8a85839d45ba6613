/*
 * The part of the boot script that hangs entries into PVE's menus, by wrapping methods of theirs; it stands inside boot.js, whose names
 * it uses.
 */
// PVE's method runs with its own arguments and its own result, whatever happens to ours.
let wrap = function (name, method, before, after) {
    let cls = Ext.ClassManager.get(name);
    let original = cls && cls.prototype && cls.prototype[method];
    if (typeof original !== 'function') {
        return false;
    }
    let own = function (hook, scope, args) {
        if (hook) {
            attempt(`${name}.${method}`, () => hook.apply(scope, args));
        }
    };
    cls.prototype[method] = function () {
        own(before, this, arguments);
        let result = original.apply(this, arguments);
        own(after, this, arguments);
        return result;
    };
    return true;
};

let addMenuItem = function (items) {
    if (!Array.isArray(items) || items.some((item) => item.itemId === 'ha-prs-rebalancing')) {
        return;
    }
    // PVE shows its HA entries only to those with Sys.Audit on /, so without them there is no place for ours either.
    let place = -1;
    items.forEach((item, index) => {
        if (item.itemId === 'ha' || (item.groups && item.groups[0] === 'ha')) {
            place = index;
        }
    });
    if (place >= 0) {
        items.splice(place + 1, 0, {
            xtype: 'prsCard',
            itemId: 'ha-prs-rebalancing',
            title: gettext('Rebalancing'),
            iconCls: 'fa fa-balance-scale',
            groups: ['ha'],
            border: false,
            bodyBorder: false,
            onlineHelp: 'chapter_ha_manager',
        });
    }
};

let drainAction = function (nodename) {
    // Whoever sees loads sees what a drain would do; the window says what is lacking to start it.
    let caps = Ext.state.Manager.get('GuiCap') || {};
    let has = (kind, right) => !!(caps[kind] && caps[kind][right]);
    let allowed = has('vms', 'VM.Migrate') || has('nodes', 'Sys.Audit') || has('dc', 'Sys.Audit');
    let alone = window.PVE && PVE.Utils && PVE.Utils.isStandaloneNode;
    return {
        itemId: 'prsDrain',
        text: gettext('Drain'),
        iconCls: 'fa fa-fw fa-sign-out',
        disabled: !allowed,
        hidden: !!(alone && PVE.Utils.isStandaloneNode()),
        tooltip: allowed
            ? gettext('Move all guests of this node to the other nodes')
            : gettext('Needs the privilege Sys.Audit'),
        handler: () => PRS.openDrain(nodename),
    };
};

let addToolbarButton = function () {
    let bar = this.getDockedComponent && this.getDockedComponent('toolbar');
    if (bar && !bar.down('#prsDrain')) {
        let help = bar.items.indexOf(this.helpButton);
        let button = drainAction(this.pveSelNode.data.node);
        bar.insert(help >= 0 ? help : bar.items.getCount(), button);
    }
};

let addContextItem = function () {
    if (!this.down('#prsDrain')) {
        let bulk = this.items.findIndexBy((item) => item.itemId === 'bulkmigrate');
        let item = drainAction(this.nodename);
        this.insert(bulk >= 0 ? bulk + 1 : this.items.getCount(), item);
    }
};

// PVE's entry has no id, but the same icon in all releases.
let addPlaceItem = function () {
    let guest = (this.pveSelNode || {}).data || {};
    if (this.down('#prsPlace') || guest.status === 'stopped' || guest.template) {
        return;
    }
    let migrate = this.items.findIndexBy((item) => /fa-send-o/.test(item.iconCls));
    let caps = Ext.state.Manager.get('GuiCap') || {};
    if (migrate >= 0 && !this.items.getAt(migrate).hidden && caps.nodes['Sys.Audit']) {
        this.insert(migrate + 1, {
            itemId: 'prsPlace',
            text: gettext('Where better?'),
            iconCls: 'fa fa-fw fa-map-marker',
            handler: () => openWindow('PRS.PlaceWindow', { guest: guest }),
        });
    }
};

let addModeItem = function () {
    let guest = (this.pveSelNode || {}).data || {};
    let caps = Ext.state.Manager.get('GuiCap') || {};
    if (this.down('#prsMode') || guest.template || !caps.dc['Sys.Audit']) {
        return;
    }
    let migrate = this.items.findIndexBy((item) => /fa-send-o/.test(item.iconCls));
    let place = this.items.findIndexBy((item) => item.itemId === 'prsPlace');
    if (migrate >= 0) {
        this.insert(Math.max(migrate, place) + 1, {
            itemId: 'prsMode',
            text: gettext('Rebalancing'),
            iconCls: 'fa fa-fw fa-balance-scale',
            handler: () => openWindow('PRS.RulesWindow', { guest: guest }),
        });
    }
};

PRS.hooks.menu = wrap('PVE.dc.Config', 'insertNodes', addMenuItem);
PRS.hooks.toolbar = wrap('PVE.node.Config', 'initComponent', undefined, addToolbarButton);
PRS.hooks.context = wrap('PVE.node.CmdMenu', 'initComponent', undefined, addContextItem);
for (let kind of ['qemu', 'lxc']) {
    wrap(`PVE.${kind}.CmdMenu`, 'initComponent', undefined, addPlaceItem);
    wrap(`PVE.${kind}.CmdMenu`, 'initComponent', undefined, addModeItem);
}
if (window.PVE && !PRS.hooks.menu) {
    console.warn('prs: this PVE has another menu, the Rebalancing tab is not shown');
}
