// Keeps a list as high as its rows, up to `most` pixels, or what a container around it says as `snug`. The height is always set:
// ExtJS draws only the rows in sight of a list that was made with a height, and all of them in any other.
Ext.define('PRS.Snug', {
    extend: 'Ext.plugin.Abstract',
    alias: 'plugin.prssnug',

    most: 420,

    init: function (grid) {
        let soon = Ext.Function.createBuffered(() => this.fit(grid), 20);
        grid.height = this.most;
        grid.on({ resize: soon, show: soon, expand: soon, columnresize: soon });
        grid.getView().on({ refresh: soon, itemupdate: soon, itemadd: soon, itemremove: soon });
    },

    fit: function (grid) {
        if (grid.destroyed || !grid.rendered || grid.collapsed || !grid.isVisible(true)) {
            return;
        }
        let around = grid.up('[snug]');
        let most = around ? around.snug : this.most;
        let { dom } = grid.getView().el;
        let table = dom.querySelector('.x-grid-item-container');
        // The view is at least as high as it is now, so only its content tells what it needs.
        let rows = table ? Math.max(table.offsetHeight, 1) : 1;
        if (dom.scrollHeight > dom.clientHeight) {
            rows = dom.scrollHeight;
        }
        let wanted = Math.min(most, grid.getHeight() - dom.clientHeight + rows);
        if (Math.abs(wanted - grid.getHeight()) > 1) {
            grid.setHeight(wanted);
        }
    },
});
