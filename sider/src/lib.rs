//! sider
