//! sider-agent
