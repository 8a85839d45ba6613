// Stands for the line that page-hook writes; the tests choose through window.test what happens before and how the panel is loaded.
(function () {
    let test = window.test || {};
    if (test.before) {
        test.before();
    }
    let backend = test.backend || ':8017';
    let source = test.source || '/pve2/js/prs-rebalancing.js?ver=test';
    document.write(`<script src="${source}" data-prs-backend="${backend}"></` + 'script>');
})();
