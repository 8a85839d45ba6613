"""How long the page's tasks last, beside those of PVE's own search of a cluster of 2000 guests."""

from __future__ import annotations

from playwright.sync_api import Page

from ui.hands import polled

SMOOTH = 50.0  # milliseconds that a task may take whatever the machine is
# As PVE's search: a plain list with a row for each node and guest, filled anew as its store does at each poll.
SEARCH = """async () => {
    let rows = Array.from({ length: 2032 }, (none, index) => ({ id: `qemu/${index}`, text: `vm${index}`, node: 'n01', cpu: 0.5 }));
    let columns = ['id', 'text', 'node', 'cpu'].map(name => ({ text: name, dataIndex: name, flex: 1 }));
    let store = { fields: ['id', 'text', 'node', 'cpu'], sorters: 'text' };
    let began = performance.now();
    let search = Ext.create('Ext.window.Window', { width: 1000, height: 700, layout: 'fit', autoShow: true,
        items: [{ xtype: 'grid', store: store, columns: columns }] });
    search.down('grid').getStore().loadData(rows);
    let took = performance.now() - began;
    await new Promise(done => setTimeout(done, 300));
    search.destroy();
    return took;
}"""
WATCH = """() => {
    window.longTasks = [];
    new PerformanceObserver(list => list.getEntries().forEach(entry => window.longTasks.push(entry.duration)))
        .observe({ entryTypes: ['longtask'] });
}"""


def longest(page: Page) -> float:
    """The longest task of two polls of each kind in milliseconds; of three looks the best, because other programs delay tasks too."""
    found = []
    for _ in range(3):
        page.evaluate("window.longTasks.splice(0)")
        for _ in range(2):
            polled(page)
            page.wait_for_timeout(500)  # what is drawn after the answers, and the watch's own report
        found.append(max(page.evaluate("window.longTasks.splice(0)"), default=0.0))
        if found[-1] <= SMOOTH:
            break
    return min(found)
