// From a row of ours to the guest or node in PVE's tree.
Ext.define('PRS.Jump', {
    singleton: true,

    // `id` as in PVE's resource list: qemu/100, lxc/101, node/pve1.
    to: function (id) {
        let [workspace] = Ext.ComponentQuery.query('pveStdWorkspace');
        if (workspace && workspace.selectById) {
            // ExtJS would hand the focus to the next list of the panel that goes away, and stumble over an empty one.
            document.activeElement.blur();
            Ext.WindowManager.each((window) => {
                if (window.isVisible && window.isVisible() && window.modal) {
                    window.close();
                }
            });
            workspace.selectById(id);
            return;
        }
        let url = `https://${window.location.hostname}:8006/#v1:0:=${encodeURIComponent(id)}`;
        window.open(url, '_blank', 'noopener');
    },

    guest: (row) => `${row.kind}/${row.vmid}`,

    // Once the event is over: the jump takes away the list in which it happened.
    soon: (id) => setTimeout(() => PRS.Jump.to(id)),

    // For a grid: double click, or Enter outside of a cell that does something else.
    listeners: (idOf) => ({
        itemdblclick: (view, record) => PRS.Jump.soon(idOf(record.data)),
        itemkeydown: function (view, record, row, index, event) {
            let { column } = event.position || {};
            let own = column && (column.isCheckColumn || column.getEditor);
            if (event.getKey() === event.ENTER && !own) {
                PRS.Jump.soon(idOf(record.data));
            }
        },
    }),
});
