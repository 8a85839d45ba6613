// What the panel remembers over a reload: in the address of the stand-alone page, in the browser tab within PVE's interface.
Ext.define('PRS.Memory', {
    read: function () {
        let text = PRS.standalone
            ? window.location.hash.slice(1)
            : window.sessionStorage.getItem('prs-rebalancing');
        return new URLSearchParams(text || '');
    },

    get: function (name) {
        let value = this.read().get(name) || '';
        return /^[A-Za-z0-9._-]{1,2000}$/.test(value) ? value : '';
    },

    set: function (name, value) {
        let all = this.read();
        if (value) {
            all.set(name, value);
        } else {
            all.delete(name);
        }
        if (PRS.standalone) {
            window.history.replaceState(null, '', `#${all}`);
        } else {
            window.sessionStorage.setItem('prs-rebalancing', String(all));
        }
    },
});
