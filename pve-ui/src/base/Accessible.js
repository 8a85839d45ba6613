// What ExtJS leaves to be done so that screen readers find their way: for a grid, a window, or a panel with a toolbar.
Ext.define('PRS.Accessible', {
    extend: 'Ext.plugin.Abstract',
    alias: 'plugin.prsaccessible',

    statics: {
        // ExtJS's blue on grey, and its white on blue, are too pale to read; the text of the theme around it is not.
        style: `
            .prs-clear .x-title, .prs-clear .x-title-text, .prs-clear .x-grid-empty, .prs-clear .x-progress-text { color: inherit; }
            .prs-clear .x-tab.x-tab-active.x-tab-default { background-color: #205e8c; }
            .prs-clear .x-tab.x-tab-active .x-tab-inner.x-tab-inner-default { color: #ffffff; }
        `,
    },

    // Pixels beside the words of a header: its edges, and the arrow that opens its menu.
    edges: 22,
    arrow: 16,

    init: function (component) {
        let me = this;
        component.addCls('prs-clear');
        if (!document.getElementById('prs-clear')) {
            Ext.util.CSS.createStyleSheet(me.self.style, 'prs-clear');
        }
        let soon = Ext.Function.createBuffered(() => me.mend(component), 50);
        component.on({
            boxready: () => me.mend(component),
            show: soon,
            expand: soon,
            collapse: soon,
        });
        if (component.getView) {
            me.widen(component);
            component.on('afterrender', () =>
                component.getView().on({ refresh: soon, itemadd: soon }),
            );
        }
    },

    mend: function (component) {
        if (component.destroyed || !component.rendered) {
            return;
        }
        // They can be focused, so they must not be hidden.
        component.el
            .select('span.x-tab-guard')
            .each((guard) => guard.dom.removeAttribute('aria-hidden'));
        component.el.select('.x-tab-bar').each((bar) => this.mendTabs(bar.dom));
        if (component.getView && component.getView().rendered) {
            this.mendGrid(component);
        }
    },

    // A list of tabs holds nothing but tabs, and not the guards of the focus around them.
    mendTabs: function (bar) {
        bar.removeAttribute('role');
        bar.querySelector('.x-box-target').setAttribute('role', 'tablist');
    },

    // Some languages need more room for a header than English. Before anything is drawn: later ExtJS would no longer share out the rest.
    widen: function (grid) {
        grid.headerCt.getGridColumns().forEach((column) => {
            let { width } = column;
            if (!column.flex && width && column.text) {
                let words = Ext.util.TextMetrics.measure(Ext.getBody(), column.text).width;
                let beside = column.menuDisabled ? this.edges : this.edges + this.arrow;
                column.width = Math.max(width, Math.ceil(words) + beside);
            }
        });
    },

    // A grid is its rows with their headers, and not also the title and the toolbar that stand over them.
    mendGrid: function (grid) {
        let { dom } = grid.el;
        let view = grid.getView().el.dom;
        let headers = grid.headerCt.el.dom;
        let named = dom.getAttribute('aria-labelledby');
        dom.setAttribute('role', 'group');
        ['aria-expanded', 'aria-readonly', 'aria-multiselectable'].forEach((name) =>
            dom.removeAttribute(name),
        );
        let row = headers.querySelector('.x-box-inner');
        headers.removeAttribute('role');
        view.setAttribute('role', 'grid');
        if (row) {
            view.setAttribute('aria-owns', row.id);
        }
        view.setAttribute(named ? 'aria-labelledby' : 'aria-label', named || grid.ariaLabel || '');
        view.querySelectorAll(':scope > div.x-tab-guard').forEach((guard) =>
            guard.removeAttribute('tabindex'),
        );
    },
});
